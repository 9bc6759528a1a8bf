"""The Huffman code of HPACK (RFC 7541 section 5.2, appendix B).

The code is canonical: the lengths of the codes settle the codes. Nearly everything in a header has a code of at most eight bits,
so the next octet of the input, whatever bits it begins with, tells the symbol by one look-up; the few longer codes are looked for
length by length. What was decoded once is remembered in a bounded table, because clients say the same on each connection.
"""

from typing import Final

from hauberk_core.http.h2.codes import COMPRESSION_ERROR, ConnectionFault

# Bits of each octet's code, in hexadecimal, sixteen octets a row. The end-of-string symbol, 256, has 30 as well.
_LENGTHS: Final = bytes.fromhex(
    """
    0d 17 1c 1c 1c 1c 1c 1c 1c 18 1e 1c 1c 1e 1c 1c
    1c 1c 1c 1c 1c 1c 1e 1c 1c 1c 1c 1c 1c 1c 1c 1c
    06 0a 0a 0c 0d 06 08 0b 0a 0a 08 0b 08 06 06 06
    05 05 05 06 06 06 06 06 06 06 07 08 0f 06 0c 0a
    0d 06 07 07 07 07 07 07 07 07 07 07 07 07 07 07
    07 07 07 07 07 07 07 07 08 07 08 0d 13 0d 0e 06
    0f 05 06 05 06 05 06 06 06 05 07 07 06 06 06 05
    06 07 06 05 05 06 07 07 07 07 07 0f 0b 0e 0d 1c
    14 16 14 14 16 16 16 17 16 17 17 17 17 17 18 17
    18 18 16 17 18 17 17 17 17 15 16 17 16 17 17 18
    16 15 14 16 16 17 17 15 17 16 16 18 15 16 17 17
    15 15 16 15 17 16 17 17 14 16 16 16 17 16 16 17
    1a 1a 14 13 16 17 16 19 1a 1a 1a 1b 1b 1a 18 19
    13 15 1a 1b 1b 1a 1b 18 15 15 1a 1a 1c 1b 1b 1b
    14 18 14 15 16 15 15 17 16 16 19 19 18 18 1a 17
    1a 1b 1a 1a 1b 1b 1b 1b 1b 1c 1b 1b 1b 1b 1b 1a
    """
)
_LONGEST: Final = 30

# Strings of at most this are remembered, at most so many: 64 KiB with what Python adds to each.
_REMEMBERED_LENGTH: Final = 64
_REMEMBERED: Final = 512


def _codes() -> list[int]:
    """The code of each symbol: by length, then by symbol, each one more than the one before."""
    lengths = [*_LENGTHS, _LONGEST]
    codes = [0] * len(lengths)
    code = 0
    for length in range(1, _LONGEST + 1):
        for symbol, its in enumerate(lengths):
            if its == length:
                codes[symbol] = code
                code += 1
        code <<= 1
    return codes


_CODES: Final = _codes()


def _short_table() -> list[int]:
    """For each octet that input may go on with: symbol * 16 + bits of the code it begins with; 0: the code is longer."""
    table = [0] * 256
    for symbol, length in enumerate(_LENGTHS):
        if length <= 8:
            first = _CODES[symbol] << (8 - length)
            for octet in range(first, first + (1 << (8 - length))):
                table[octet] = symbol * 16 + length
    return table


_SHORT: Final = _short_table()
# Longer codes, with a one before their first bit so that codes of different lengths differ.
_LONG: Final[dict[int, int]] = {(1 << length) | _CODES[symbol]: symbol for symbol, length in enumerate(_LENGTHS) if length > 8}
_LONG_LENGTHS: Final = sorted({length for length in _LENGTHS if length > 8})


def decode(octets: bytes) -> bytes:
    """The string that `octets` encode.

    Raises: ConnectionFault, COMPRESSION_ERROR, for what no encoder makes: an end-of-string symbol, or padding of eight bits or
    more or not of ones.
    """
    out = bytearray()
    bits = 0
    count = 0
    for octet in octets:
        bits = (bits << 8) | octet
        count += 8
        while count >= 8:
            short = _SHORT[(bits >> (count - 8)) & 0xFF]
            if short:
                length = short & 15
                out.append(short >> 4)
            else:
                length, symbol = _find_long(bits, count)
                if not length:
                    break
                out.append(symbol)
            count -= length
            bits &= (1 << count) - 1
    while count:
        # Fewer than eight bits, or the beginning of a longer code: what is there, as if ones followed.
        short = 0 if count >= 8 else _SHORT[((bits << (8 - count)) | (0xFF >> count)) & 0xFF]
        length = short & 15
        if not length or length > count:
            break
        out.append(short >> 4)
        count -= length
        bits &= (1 << count) - 1
    if count >= 8 or bits != (1 << count) - 1:
        raise ConnectionFault(COMPRESSION_ERROR, "a Huffman-coded string ends in something other than its padding")
    return bytes(out)


def _find_long(bits: int, count: int) -> tuple[int, int]:
    """The code of more than eight bits that the last `count` bits of `bits` begin with: its length and symbol; 0, 0: more bits
    are needed. Raises: ConnectionFault for the end-of-string symbol, which is the only one left when all bits are there."""
    for length in _LONG_LENGTHS:
        if length > count:
            return 0, 0
        symbol = _LONG.get((1 << length) | (bits >> (count - length)))
        if symbol is not None:
            return length, symbol
    raise ConnectionFault(COMPRESSION_ERROR, "a Huffman-coded string holds the end-of-string symbol")


def encode(octets: bytes) -> bytes:
    """`octets` in the code. Its time grows with the square of their number: for what is short or encoded once."""
    bits = 0
    count = 0
    for octet in octets:
        length = _LENGTHS[octet]
        bits = (bits << length) | _CODES[octet]
        count += length
    padding = -count % 8
    return ((bits << padding) | ((1 << padding) - 1)).to_bytes((count + padding) // 8, "big")


class Remembered:
    """Decoded strings by their encoded form. When it is full it forgets all, so that no client can fill it for good."""

    __slots__ = ("_strings",)

    def __init__(self) -> None:
        self._strings: Final[dict[bytes, bytes]] = {}

    def decode(self, octets: bytes) -> bytes:
        """As the function."""
        string = self._strings.get(octets)
        if string is None:
            string = decode(octets)
            if len(octets) <= _REMEMBERED_LENGTH:
                if len(self._strings) >= _REMEMBERED:
                    self._strings.clear()
                self._strings[octets] = string
        return string


REMEMBERED: Final = Remembered()
