"""The queue of octets: order, bounds, and that nothing is searched or copied without need."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.buffer import ReceiveBuffer


def test_what_came_in_one_piece_is_handed_over_as_it_came() -> None:
    buffer = ReceiveBuffer()
    piece = b"x" * 100
    buffer.append(piece)
    assert buffer.take(100) is piece
    assert len(buffer) == 0


def test_taking_less_than_all() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"hello")
    buffer.append(b" world")
    assert buffer.take(3) == b"hel"
    assert len(buffer) == 8
    assert buffer.take(100) == b"lo"
    buffer.join()
    assert buffer.take_all() == b" world"


def test_the_blank_line_is_found_only_within_the_limit() -> None:
    for limit, found in ((7, -1), (8, 4)):
        buffer = ReceiveBuffer()
        buffer.append(b"abcd\r\n\r\n")
        assert buffer.find_blank_line(limit) == found


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"\r\n\r"]), max_size=30), st.integers(4, 30))
def test_pieces_do_not_matter(pieces: list[bytes], limit: int) -> None:
    """The end of the head is found as soon as it is there, at the same place as in the whole."""
    whole = b""
    buffer = ReceiveBuffer()
    for piece in pieces:
        whole += piece
        buffer.append(piece)
        assert len(buffer) == len(whole)
        end = buffer.find_blank_line(limit)
        assert end == whole.find(b"\r\n\r\n", 0, limit)
        if end >= 0:
            assert buffer.data[buffer.start : end] == whole[:end]
            break
    assert buffer.take_all() == whole


def test_a_blank_line_at_the_end_needs_something_before_it() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"head\r\n\r\n\r\n\r\n")
    assert buffer.ends_in_blank_line(12)
    assert not buffer.ends_in_blank_line(11)
    for size, expected in ((5, True), (2, True), (1, False), (2, False), (2, False)):
        buffer.take(size)
        assert buffer.ends_in_blank_line(12) is expected


def test_consumed_octets_are_let_go_of() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"a" * 10)
    buffer.take(4)
    buffer.release()
    assert len(buffer) == 6
    buffer.take(6)
    buffer.release()
    assert buffer.data == b""
    buffer.append(b"next")
    assert buffer.take_all() == b"next"
