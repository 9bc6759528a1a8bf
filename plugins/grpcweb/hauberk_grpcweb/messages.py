"""Bodies of gRPC-Web: those of gRPC, perhaps in base64, and behind the messages the trailers as one more frame.

Source: gRPC's "gRPC Web" (PROTOCOL-WEB.md).
"""

import binascii
from itertools import compress
from typing import Final

# The first octet of the frame that carries trailers.
_TRAILERS: Final = b"\x80"
_QUARTET: Final = 4
# What is not padding tells something.
_IS_TOLD: Final = bytes([octet != ord("=") for octet in range(256)])


class TextDecoder:
    """Decodes base64 that comes in pieces. A peer may encode each message by itself, so that padding stands between them too."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def decode(self, text: bytes, last: bool) -> bytes:
        """The octets that are complete. Raises: ValueError for what is no base64, or ends within a group of four."""
        data = self._rest + text
        whole = len(data) - len(data) % _QUARTET
        self._rest = data[whole:]
        if last and self._rest:
            raise ValueError("the base64 of a gRPC-Web message ends too early")
        groups = data[:whole]
        # In strict mode nothing but the alphabet passes.
        return _padded(groups) if b"=" in groups else binascii.a2b_base64(groups, strict_mode=True)


def _padded(groups: bytes) -> bytes:
    """Decode groups any of which may be padded. A client may pad each of them, so that none costs a step of its own.

    Raises: ValueError.
    """
    told = groups.translate(_IS_TOLD)
    second, third = told[2::_QUARTET], told[3::_QUARTET]
    if 0 in told[0::_QUARTET] or 0 in told[1::_QUARTET] or int.from_bytes(third, "big") & ~int.from_bytes(second, "big"):
        raise ValueError("padding stands within a group of base64")
    octets = binascii.a2b_base64(groups.replace(b"=", b"A"), strict_mode=True)
    kept = bytearray(b"\1") * len(octets)
    kept[1::3] = second
    kept[2::3] = third
    return bytes(compress(octets, kept))


def encode_text(data: bytes) -> bytes:
    """Octets in base64."""
    return binascii.b2a_base64(data, newline=False)


def trailers_frame(fields: list[tuple[str, str]]) -> bytes:
    """The frame that carries trailers, whose names are in lower case."""
    block = "".join([name.lower() + ":" + value + "\r\n" for name, value in fields]).encode("latin-1")
    return _TRAILERS + len(block).to_bytes(4, "big") + block
