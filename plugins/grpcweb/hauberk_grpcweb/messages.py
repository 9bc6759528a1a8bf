"""Bodies of gRPC-Web: those of gRPC, perhaps in base64, and behind the messages the trailers as one more frame.

Source: gRPC's "gRPC Web" (PROTOCOL-WEB.md).
"""

import binascii
from typing import Final

# The first octet of the frame that carries trailers.
_TRAILERS: Final = b"\x80"
_QUARTET: Final = 4


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
        found: list[bytes] = []
        start = 0
        while start < whole:
            end = _padded_end(data, start, whole)
            # In strict mode nothing but the alphabet passes, and padding only at the end.
            found.append(binascii.a2b_base64(data[start:end], strict_mode=True))
            start = end
        return b"".join(found)


def _padded_end(data: bytes, start: int, whole: int) -> int:
    """Where the next padding ends, or everything."""
    padding = data.find(b"=", start, whole)
    if padding < 0:
        return whole
    return min(padding - (padding - start) % _QUARTET + _QUARTET, whole)


def encode_text(data: bytes) -> bytes:
    """Octets in base64."""
    return binascii.b2a_base64(data, newline=False)


def trailers_frame(fields: list[tuple[str, str]]) -> bytes:
    """The frame that carries trailers, whose names are in lower case."""
    block = "".join([name.lower() + ":" + value + "\r\n" for name, value in fields]).encode("latin-1")
    return _TRAILERS + len(block).to_bytes(4, "big") + block
