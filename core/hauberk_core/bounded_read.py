"""Reads files that may have any size, into memory that has a bound."""

from typing import IO, Final

# Python sets aside all that a read may give, and gives back what is left over. Asked for a bound of many MiB each time, the
# allocator puts the short text that stays at the front of a large hole, the next one behind it, and the heap creeps on with every
# reading. Pieces of this size end that, and nearly every file is read in one.
_PIECE: Final = 64 * 1024


def read_bounded(file: IO[bytes], most: int) -> bytes:
    """Read `file` to its end, and no more than one octet beyond `most`: that one tells that there is more than may be.

    Raises: OSError.    Cancellation: blocks; call it in a thread where that matters.
    """
    pieces: list[bytes] = []
    left = most + 1
    while left > 0:
        piece = file.read(min(left, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
