"""Request identifiers: random UUIDs of version 4 (RFC 9562 section 5.4), made in batches."""

from collections.abc import Callable
from typing import Final

# Identifiers made at once: the entropy source is asked for 4 KiB, and 9 KiB of text are kept.
_BATCH: Final = 256
_OCTETS: Final = 16
_LENGTH: Final = 36
_EMPTY: Final = b"00000000-0000-0000-0000-000000000000"
_DIGIT_PLACES: Final = [place for place in range(_LENGTH) if _EMPTY[place : place + 1] == b"0"]
# What becomes of the octets that hold the version and the variant.
_VERSION_OCTET: Final = 6
_VERSIONS: Final = bytes([0x40 | octet & 0x0F for octet in range(256)])
_VARIANT_OCTET: Final = 8
_VARIANTS: Final = bytes([0x80 | octet & 0x3F for octet in range(256)])


class RequestIds:
    """Gives identifiers from an entropy source, which is `os.urandom` but in the simulator."""

    __slots__ = ("_batch", "_entropy", "_position")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy: Final = entropy
        self._batch = ""
        self._position = 0

    def next(self) -> str:
        """A new identifier in lower case, 36 characters."""
        start = self._position
        if start == len(self._batch):
            self._batch = _format(self._entropy(_BATCH * _OCTETS))
            start = 0
        end = start + _LENGTH
        self._position = end
        return self._batch[start:end]


def _format(random: bytes) -> str:
    """The identifiers made of these octets, one after the other; copying columns of digits is cheaper than each alone."""
    octets = bytearray(random)
    octets[_VERSION_OCTET::_OCTETS] = octets[_VERSION_OCTET::_OCTETS].translate(_VERSIONS)
    octets[_VARIANT_OCTET::_OCTETS] = octets[_VARIANT_OCTET::_OCTETS].translate(_VARIANTS)
    digits = octets.hex().encode("ascii")
    text = bytearray(_EMPTY * (len(random) // _OCTETS))
    for column, place in enumerate(_DIGIT_PLACES):
        text[place::_LENGTH] = digits[column :: 2 * _OCTETS]
    return text.decode("ascii")
