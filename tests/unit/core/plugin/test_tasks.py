"""Asynchronous filters' calls as trio tasks: their results, their time, their end."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.net.clock import Clock
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import Poller
from hauberk_core.observe.record import Record
from hauberk_core.plugin.data import Exchange
from hauberk_core.plugin.tasks import TaskWaiting
from hauberk_core.plugin.waiting import AsyncCall, CallOwner


class Owner(CallOwner):
    def __init__(self) -> None:
        self.results: list[object] = []
        self.errors: list[Exception | None] = []
        self.gone = trio.Event()

    def call_over(self, call: AsyncCall, result: object, error: Exception | None) -> None:
        assert not self.gone.is_set()
        self.results.append(result)
        self.errors.append(error)

    def call_gone(self, call: AsyncCall) -> None:
        self.gone.set()


def make_call(owner: Owner, method: Callable[..., Awaitable[object]], seconds: float = 5.0) -> AsyncCall:
    exchange = Exchange(Request("GET", "a.test", "/", "", 11, Headers()), Record(), "")
    return AsyncCall(owner, method, seconds, exchange, True, b"", False)


@pytest.fixture
def loop() -> Loop:
    return Loop(Clock(), Poller(), FaultLog())


async def wait_gone(owner: Owner) -> None:
    with trio.fail_after(60):
        await owner.gone.wait()


async def test_a_result_comes_back_through_the_loop(loop: Loop, nursery: trio.Nursery) -> None:
    async def method(exchange: Exchange) -> str:
        await trio.lowlevel.checkpoint()
        return exchange.path

    owner = Owner()
    waiting = TaskWaiting(loop, nursery.start_soon)
    waiting.start(make_call(owner, method))
    assert (owner.results, waiting.running()) == ([], 1)
    await wait_gone(owner)
    assert (owner.results, owner.errors, waiting.running()) == (["/"], [None], 0)


@pytest.mark.parametrize("kind", ["raises", "raises a group", "no coroutine", "too slow"])
async def test_faults_come_back_too(loop: Loop, nursery: trio.Nursery, kind: str, autojump_clock: trio.testing.MockClock) -> None:
    async def method(exchange: Exchange) -> None:
        if kind == "raises":
            raise RuntimeError("broken")
        if kind == "raises a group":
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.lowlevel.checkpoint)
                raise RuntimeError("broken")
        await trio.sleep_forever()

    def no_coroutine(exchange: Exchange) -> Any:
        return 7

    owner = Owner()
    TaskWaiting(loop, nursery.start_soon).start(make_call(owner, no_coroutine if kind == "no coroutine" else method))
    await wait_gone(owner)
    wanted = {"raises": RuntimeError, "raises a group": ExceptionGroup, "no coroutine": TypeError, "too slow": TimeoutError}
    assert isinstance(owner.errors[0], wanted[kind])


async def test_a_cancelled_call_is_not_over_but_gone_when_it_has_cleaned_up(loop: Loop, nursery: trio.Nursery) -> None:
    cleaned = trio.Event()
    began = trio.Event()

    async def method(exchange: Exchange) -> None:
        try:
            began.set()
            await trio.sleep_forever()
        finally:
            cleaned.set()

    owner = Owner()
    call = make_call(owner, method)
    TaskWaiting(loop, nursery.start_soon).start(call)
    await began.wait()
    call.cancel()
    call.cancel()
    assert not owner.gone.is_set()
    await wait_gone(owner)
    assert cleaned.is_set()
    assert owner.results == []


async def test_a_call_cancelled_before_it_began(loop: Loop, nursery: trio.Nursery) -> None:
    async def method(exchange: Exchange) -> None:
        await trio.lowlevel.checkpoint()
        raise AssertionError("it should have been cancelled")

    owner = Owner()
    call = make_call(owner, method)
    TaskWaiting(loop, nursery.start_soon).start(call)
    call.cancel()
    await wait_gone(owner)
    assert owner.results == []


async def test_too_many_calls_are_refused(loop: Loop, nursery: trio.Nursery) -> None:
    async def method(exchange: Exchange) -> None:
        await trio.sleep_forever()

    waiting = TaskWaiting(loop, nursery.start_soon, most=1)
    first = Owner()
    call = make_call(first, method)
    waiting.start(call)
    with pytest.raises(OverflowError):
        waiting.start(make_call(Owner(), method))
    call.cancel()
    await wait_gone(first)
    waiting.start(last := make_call(Owner(), method))
    last.cancel()
