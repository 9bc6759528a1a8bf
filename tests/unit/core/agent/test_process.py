"""What a worker says, taken apart: answers for whoever asked, spans for the exporter."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import trio

from hauberk_core.agent.link import Link
from hauberk_core.agent.process import WorkerGone, WorkerProcess
from hauberk_core.agent.wire import Ack, Ask, Hello, Spans, Told
from hauberk_core.observe.cells import create_cells
from hauberk_core.observe.cells_reader import CellsReader


class Pair(NamedTuple):
    """A process that does nothing, and the worker's end of its link, which the test speaks for."""

    worker: WorkerProcess
    speaker: Link
    spans: list[bytes]


@pytest.fixture
async def pair(nursery: trio.Nursery) -> AsyncIterator[Pair]:
    """Both ends, the agent's listening."""
    ours, theirs = socket.socketpair()
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, start_new_session=True
    )
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), 8, 64)
        reader = CellsReader(file.fileno())
    made = Pair(WorkerProcess(0, process, Link(ours), reader), Link(theirs), [])
    nursery.start_soon(made.worker.listen, made.spans.extend)
    yield made
    await made.worker.kill()
    assert process.stdin is not None
    await process.stdin.aclose()
    made.worker.close_link()
    made.speaker.close()
    reader.close()


async def test_spans_pass_by_those_who_wait_for_answers(pair: Pair) -> None:
    await pair.speaker.send(Spans([b"a"]))
    await pair.speaker.send(Hello(7))
    await pair.speaker.send(Spans([b"b", b"c"]))
    with trio.fail_after(60):
        await pair.worker.wait_hello()
        pair.speaker.close()
        await pair.worker.wait_silent()
    assert pair.spans == [b"a", b"b", b"c"]


async def test_spans_are_taken_while_nobody_asks_for_anything(pair: Pair) -> None:
    # Far more than the kernel would keep.
    batch = Spans([bytes(1000)] * 1000)
    with trio.fail_after(60):
        for _ in range(5):
            await pair.speaker.send(batch)
        pair.speaker.close()
        await pair.worker.wait_silent()
    assert len(pair.spans) == 5000


async def test_a_worker_that_answers_unasked_is_given_up(pair: Pair) -> None:
    for number in range(3):
        await pair.speaker.send(Ack(number))
    with trio.fail_after(60):
        await pair.worker.wait_silent()
        with pytest.raises(WorkerGone, match="did not say hello"):
            await pair.worker.wait_hello()
        with pytest.raises(WorkerGone, match="more than it was asked"):
            await pair.worker.wait_hello()


async def test_the_last_words_of_a_dead_worker_are_heard(pair: Pair) -> None:
    await pair.speaker.send(Spans([b"last"]))
    pair.speaker.close()
    pair.worker.process.kill()
    with trio.fail_after(60):
        assert "killed by signal 9" in await pair.worker.wait_ended()
    assert pair.spans == [b"last"]


async def test_answers_find_their_questions_in_any_order(pair: Pair, nursery: trio.Nursery) -> None:
    told: dict[str, bytes] = {}

    async def ask(topic: str) -> None:
        told[topic] = await pair.worker.ask(topic)

    with trio.fail_after(60):
        async with trio.open_nursery() as asking:
            for topic in ("clusters", "circuits"):
                asking.start_soon(ask, topic)
            questions = [await pair.speaker.receive(), await pair.speaker.receive()]
            for question in reversed(questions):
                assert question is not None
                assert isinstance(question[0], Ask)
                await pair.speaker.send(Told(question[0].number, question[0].topic.encode()))
    assert told == {"clusters": b"clusters", "circuits": b"circuits"}


async def test_who_gave_up_asking_disturbs_nobody(pair: Pair) -> None:
    with trio.fail_after(60):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as asking:
                asking.start_soon(pair.worker.ask, "clusters")
                question = await pair.speaker.receive()
                scope.cancel()
        assert question is not None
        assert isinstance(question[0], Ask)
        await pair.speaker.send(Told(question[0].number, b"late"))
        await pair.speaker.send(Hello(7))
        await pair.worker.wait_hello()


async def test_a_worker_that_dies_answers_no_question(pair: Pair) -> None:
    with trio.fail_after(60):
        async with trio.open_nursery() as asking:

            async def ask() -> None:
                with pytest.raises(WorkerGone):
                    await pair.worker.ask("clusters")

            asking.start_soon(ask)
            await pair.speaker.receive()
            pair.speaker.close()
        with pytest.raises(WorkerGone):
            await pair.worker.ask("clusters")
