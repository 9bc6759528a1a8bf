from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.pieces import SMALL_PIECE, add_piece


@given(st.lists(st.integers(min_value=1, max_value=2 * SMALL_PIECE), max_size=20))
def test_nothing_is_lost_and_few_objects_hold_it(sizes: list[int]) -> None:
    octets = [bytes([number]) * size for number, size in enumerate(sizes)]
    pieces: list[bytes] = []
    for data in octets:
        add_piece(pieces, data)
    assert b"".join(pieces) == b"".join(octets)
    assert all(len(piece) >= SMALL_PIECE for piece in pieces[:-1])
