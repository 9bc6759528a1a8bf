"""The worker's queue of spans: bounded, in order, and it says when a batch has come together."""

from hauberk_core.observe.span_queue import SpanQueue


def test_spans_come_out_in_their_order_once() -> None:
    queue = SpanQueue(lambda: None)
    queue.put(b"a")
    queue.put(b"b")
    assert queue.take() == [b"a", b"b"]
    assert queue.take() == []


def test_it_wakes_once_for_each_batch() -> None:
    woken: list[int] = []
    queue = SpanQueue(lambda: woken.append(0), batch=3)
    for _ in range(7):
        queue.put(b"a")
    assert len(woken) == 2


def test_what_finds_no_room_is_dropped_and_counted() -> None:
    queue = SpanQueue(lambda: None, limit=10)
    accepted = [queue.put(b"1234") for _ in range(4)]
    assert accepted == [True, True, False, False]
    assert queue.dropped() == 2
    queue.take()
    assert queue.put(b"1234")
    assert queue.dropped() == 2


def test_one_span_does_not_take_all_room() -> None:
    queue = SpanQueue(lambda: None)
    assert not queue.put(bytes(70_000))
    assert queue.dropped() == 1
