import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.bounded_read import read_bounded

PIECE = 64 * 1024


class Remembering(io.BytesIO):
    """Remembers the largest read that was asked for."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        self.largest = max(self.largest, size)
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_file_within_the_bound_is_read_whole(length: int) -> None:
    assert read_bounded(io.BytesIO(b"x" * length), 3 * PIECE) == b"x" * length


@given(st.integers(0, 3 * PIECE), st.integers(0, 3 * PIECE))
def test_no_more_than_one_octet_beyond_the_bound_is_read(length: int, most: int) -> None:
    assert len(read_bounded(io.BytesIO(bytes(length)), most)) == min(length, most + 1)


def test_memory_is_set_aside_for_what_comes_and_not_for_what_might() -> None:
    file = Remembering(b"short")
    read_bounded(file, 16 * 1024 * 1024)
    assert 0 < file.largest <= PIECE
