"""Octets that wait in pieces, as they came.

A peer who sends them few by few must not have an object for each: two octets would take fifty.
"""

from typing import Final

# Shorter pieces are put together. What Python adds to each of this length is a thirtieth, and copying them costs little.
SMALL_PIECE: Final = 1024


def add_piece(pieces: list[bytes], data: bytes) -> None:
    """Keep octets behind others."""
    if pieces and len(pieces[-1]) < SMALL_PIECE:
        pieces[-1] += data
    else:
        pieces.append(data)
