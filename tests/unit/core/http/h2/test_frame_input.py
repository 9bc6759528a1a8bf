from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.h2.frame_input import FrameInput


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=20), st.lists(st.integers(1, 25), max_size=80))
def test_what_goes_in_comes_out_in_its_order(pieces: list[bytes], sizes: list[int]) -> None:
    queue = FrameInput()
    out = b""
    wanted = iter(sizes)
    size = next(wanted, 0)
    for piece in pieces:
        queue.append(piece)
        while size:
            taken = queue.take(size) if size % 2 else queue.take_some(size)
            if not taken:
                break
            assert len(taken) <= size
            assert len(taken) == size or not size % 2
            out += taken
            size = next(wanted, 0)
    everything = b"".join(pieces)
    assert out == everything[: len(out)]
    while rest := queue.take_some(1000):
        out += rest
    assert out == everything


def test_a_whole_read_is_handed_over_as_it_came() -> None:
    queue = FrameInput()
    data = b"x" * 1000
    queue.append(data)
    assert queue.take_some(5000) is data
