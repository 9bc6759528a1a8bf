"""Spans on their way from the loop to the link."""

import tempfile

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hauberk_core.agent.span_sender import SpanSender
from hauberk_core.agent.wire import Spans
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.span_meters import WORKER, SpanMeters
from hauberk_core.observe.span_queue import LONGEST_SPAN, SPANS_PER_BATCH


class Sent:
    """A link that takes everything, unless it is told to be stuck or broken."""

    def __init__(self) -> None:
        self.messages: list[Spans] = []
        self.stuck = False
        self.broken = False

    async def send(self, message: Spans) -> None:
        """As the worker's."""
        if self.stuck:
            await trio.sleep_forever()
        if self.broken:
            raise BrokenPipeError
        await trio.lowlevel.checkpoint()
        self.messages.append(message)


@pytest.fixture
def sent() -> Sent:
    """The other end."""
    return Sent()


@pytest.fixture
def meters() -> SpanMeters:
    """Counters of their own."""
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), 64, 4096)
        return SpanMeters(Cells(file.fileno()))


async def test_spans_go_within_a_second(nursery: trio.Nursery, autojump_clock: MockClock, sent: Sent, meters: SpanMeters) -> None:
    sender = SpanSender(sent.send, meters)
    nursery.start_soon(sender.run)
    sender.queue.put(b"a")
    sender.queue.put(b"b")
    await trio.sleep(1.01)
    assert sent.messages == [Spans([b"a", b"b"])]
    await trio.sleep(5)
    assert len(sent.messages) == 1


async def test_a_batch_goes_at_once(nursery: trio.Nursery, mock_clock: MockClock, sent: Sent, meters: SpanMeters) -> None:
    sender = SpanSender(sent.send, meters)
    nursery.start_soon(sender.run)
    await wait_all_tasks_blocked()
    for _ in range(SPANS_PER_BATCH):
        sender.queue.put(b"a")
    await wait_all_tasks_blocked()
    assert [len(message.spans) for message in sent.messages] == [SPANS_PER_BATCH]


async def test_dropped_spans_are_counted_once(
    nursery: trio.Nursery, autojump_clock: MockClock, sent: Sent, meters: SpanMeters
) -> None:
    sender = SpanSender(sent.send, meters)
    nursery.start_soon(sender.run)
    sender.queue.put(bytes(LONGEST_SPAN + 1))
    await trio.sleep(3)
    assert meters.dropped_total(WORKER) == 1
    assert sent.messages == []


async def test_the_last_spans_go_when_the_worker_ends(autojump_clock: MockClock, sent: Sent, meters: SpanMeters) -> None:
    sender = SpanSender(sent.send, meters)
    sender.queue.put(b"a")
    await sender.finish()
    assert sent.messages == [Spans([b"a"])]


async def test_an_agent_that_takes_nothing_holds_nobody_up(autojump_clock: MockClock, sent: Sent, meters: SpanMeters) -> None:
    sender = SpanSender(sent.send, meters)
    sender.queue.put(b"a")
    sent.stuck = True
    with trio.fail_after(1):
        await sender.finish()


async def test_without_an_agent_it_ends(sent: Sent, autojump_clock: MockClock, meters: SpanMeters) -> None:
    sender = SpanSender(sent.send, meters)
    sender.queue.put(b"a")
    sent.broken = True
    with trio.fail_after(10):
        await sender.run()
