"""What is compressed is what comes out again, however it was cut."""

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_compression.gzip_stream import GzipStream

PIECES = st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 5000).map(lambda size: b"abc" * size)), max_size=12)


@given(PIECES, st.booleans(), st.integers(1, 9))
def test_it_comes_out_as_it_went_in(pieces: list[bytes], is_live: bool, level: int) -> None:
    stream = GzipStream(level, is_live)
    made = b"".join([stream.add(piece, False) for piece in pieces]) + stream.add(b"", True)
    assert gzip.decompress(made) == b"".join(pieces)


@given(PIECES)
def test_live_pieces_are_there_at_once(pieces: list[bytes]) -> None:
    stream = GzipStream(4, True)
    unpack = zlib.decompressobj(wbits=31)
    for piece in pieces:
        assert unpack.decompress(stream.add(piece, False)) == piece
    unpack.decompress(stream.add(b"", True))
    assert unpack.eof


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_octets_without_any_order_grow_by_next_to_nothing(size: int) -> None:
    octets = random.Random(3).randbytes(size)
    stream = GzipStream(4, False)
    made = stream.add(octets, False) + stream.add(b"", True)
    assert len(made) <= size + size // 200 + 64
