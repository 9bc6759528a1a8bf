import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import trio
import trio.lowlevel
import trio.testing

from hauberk_core.agent import grpc_bridge
from hauberk_core.agent.grpc_bridge import AsyncioThread, BridgeClosed, open_asyncio_thread


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    async with open_asyncio_thread() as thread:
        yield thread


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    raise LookupError("over there")


async def test_results_and_errors_come_across(thread: AsyncioThread) -> None:
    assert await thread.run(answer, 7) == 7
    with pytest.raises(LookupError, match="over there"):
        await thread.run(fail)


async def test_it_runs_on_another_thread_with_an_asyncio_loop(thread: AsyncioThread) -> None:
    async def where() -> tuple[int, bool]:
        return threading.get_ident(), asyncio.get_running_loop().is_running()

    identifier, running = await thread.run(where)

    assert identifier != threading.get_ident()
    assert running


async def test_cancelling_the_waiter_cancels_the_coroutine_and_waits_for_its_end(thread: AsyncioThread) -> None:
    steps: list[str] = []
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def stay() -> None:
        try:
            token.run_sync_soon(started.set)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            steps.append("cancelled")
            await asyncio.sleep(0)
            steps.append("cleaned up")
            raise

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread.run, stay)
            await started.wait()
            nursery.cancel_scope.cancel()
        steps.append("left")

    assert steps == ["cancelled", "cleaned up", "left"]


async def test_a_coroutine_that_answers_in_spite_of_it_is_heard(thread: AsyncioThread) -> None:
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def stubborn() -> int:
        try:
            token.run_sync_soon(started.set)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return 5
        return 0

    got: list[int] = []

    async def wait() -> None:
        got.append(await thread.run(stubborn))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await started.wait()
            nursery.cancel_scope.cancel()
    assert got == [5]


async def test_a_cancelled_caller_starts_nothing(thread: AsyncioThread) -> None:
    started = False

    async def note() -> None:
        nonlocal started
        started = True

    with trio.CancelScope() as scope:
        scope.cancel()
        await thread.run(note)

    await thread.run(answer, 1)
    assert not started


async def test_a_coroutine_calls_into_trio(thread: AsyncioThread) -> None:
    home = threading.get_ident()

    async def at_home(value: int) -> int:
        await trio.lowlevel.checkpoint()
        assert threading.get_ident() == home
        if value < 0:
            raise LookupError("at home")
        return value + 1

    async def ask(value: int) -> int:
        return await thread.call_trio(at_home, value)

    assert await thread.run(ask, 1) == 2
    with pytest.raises(LookupError, match="at home"):
        await thread.run(ask, -1)


async def test_cancelling_a_coroutine_cancels_what_trio_does_for_it(thread: AsyncioThread) -> None:
    steps: list[str] = []
    started = trio.Event()

    async def at_home() -> None:
        try:
            started.set()
            await trio.sleep_forever()
        finally:
            steps.append("cleaned up")

    async def ask() -> None:
        try:
            await thread.call_trio(at_home)
        finally:
            steps.append("back")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread.run, ask)
            await started.wait()
            nursery.cancel_scope.cancel()

    assert steps == ["cleaned up", "back"]


async def test_a_full_channel_holds_a_coroutine_up(thread: AsyncioThread) -> None:
    send, receive = trio.open_memory_channel[int](2)
    sent = 0

    async def produce() -> None:
        nonlocal sent
        for number in range(50):
            await thread.call_trio(send.send, number)
            sent = number + 1
        await thread.call_trio(send.aclose)

    got: list[int] = []
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread.run, produce)
            async for number in receive:
                got.append(number)
                assert sent <= number + 4
    assert got == list(range(50))


async def test_many_calls_at_once_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_bridge, "MOST_CALLS", 20)
    at_once = most = 0

    async def at_home() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await trio.sleep(0.01)
        at_once -= 1

    async def ask(thread: AsyncioThread) -> None:
        await asyncio.gather(*[thread.call_trio(at_home) for _ in range(200)])

    with trio.fail_after(60):
        async with open_asyncio_thread() as thread:
            await thread.run(ask, thread)
    assert 1 < most <= 20


async def test_the_end_of_the_block_ends_what_is_left_on_the_thread() -> None:
    ended: list[str] = []

    async def stay() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("coroutine")

    async def leave_behind() -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(stay())
        await asyncio.sleep(0)
        return task

    with trio.fail_after(60):
        async with open_asyncio_thread() as thread:
            task = await thread.run(leave_behind)

    assert ended == ["coroutine"]
    assert task.cancelled()
    with pytest.raises(BridgeClosed):
        await thread.run(answer, 1)


async def test_who_waits_when_the_thread_ends_is_told() -> None:
    told: list[str] = []

    async def wait(thread: AsyncioThread, started: trio.Event) -> None:
        async def stay() -> None:
            await thread.call_trio(note)
            await asyncio.sleep(3600)

        async def note() -> None:
            started.set()

        try:
            await thread.run(stay)
        except BridgeClosed as error:
            told.append(str(error))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, open_asyncio_thread() as thread:
            started = trio.Event()
            nursery.start_soon(wait, thread, started)
            await started.wait()

    assert len(told) == 1


async def test_a_thread_that_does_not_end_is_left_behind_and_who_waits_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(grpc_bridge, "_FAREWELL_SECONDS", 0.2)
    release = threading.Event()
    told = trio.Event()

    async def block() -> None:
        release.wait(120)

    async def wait(thread: AsyncioThread) -> None:
        with pytest.raises(BridgeClosed):
            await thread.run(block)
        told.set()

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            async with open_asyncio_thread() as thread:
                nursery.start_soon(wait, thread)
                await trio.testing.wait_all_tasks_blocked()
            await told.wait()
            with pytest.raises(BridgeClosed):
                await thread.run(answer, 1)
        assert "does not end" in caplog.text
        release.set()
        for each in threading.enumerate():
            if each.name == "asyncio":
                await trio.to_thread.run_sync(each.join)


async def test_a_loop_that_is_closed_already_is_told(thread: AsyncioThread) -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    thread._loop, running = closed, thread._loop
    try:
        with pytest.raises(BridgeClosed):
            await thread.run(answer, 1)
    finally:
        thread._loop = running


async def test_an_error_in_the_block_comes_out_and_the_thread_ends() -> None:
    with pytest.raises(LookupError):
        async with open_asyncio_thread():
            raise LookupError("in the block")

    assert not any(thread.name == "asyncio" for thread in threading.enumerate())
