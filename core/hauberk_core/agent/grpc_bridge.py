"""An asyncio loop on a thread of its own, beside trio, for the one library that brings its own loop: `grpc.aio`.

Work crosses by two calls and nothing else. `AsyncioThread.run`, from trio, runs a coroutine function over there and waits for it;
`AsyncioThread.call_trio`, from over there, runs an async function in trio and waits for it. Both carry results, exceptions and
cancellation across, and both wait, so that a queue between the sides is an ordinary bounded trio channel: a coroutine sends by
`await thread.call_trio(channel.send, item)` and is held up when it is full.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple

import trio

from hauberk_core.agent.logs import LOG

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

# Calls into trio that may be under way at once, each a task there. A thousand proxies with a stream each need no more: the next
# ones wait in their coroutines.
MOST_CALLS: Final = 4096
# How long a thread that computes keeps the interpreter from one that has become ready. Every message crosses between the two
# loops several times: at Python's own 5 ms, whatever else is computed meanwhile would delay it by that each time.
_SWITCH_SECONDS: Final = 0.0005
# What coroutines get to end in when the thread is closed. Those of `grpc.aio` end at once; the thread is a daemon, so that one
# which does not cannot keep the process.
_FAREWELL_SECONDS: Final = 5.0


class BridgeClosed(Exception):
    """The other side is gone, or went while the call was under way; whether it had an effect is not known."""


class AsyncioThread:
    """One asyncio loop on one thread. Made by `open_asyncio_thread`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery: Final = nursery
        self._token: Final = trio.lowlevel.current_trio_token()
        self._calls: Final = asyncio.Semaphore(MOST_CALLS)
        self._crossings: Final[set[_Crossing]] = set()
        self._closed = False
        self._ready: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._main, name="asyncio", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    async def run(self, function: Callable[[*_Ts], Coroutine[Any, Any, _T]], *args: *_Ts) -> _T:
        """From trio: run `function(*args)` on the asyncio loop and return what it returns.

        Raises: what it raises; BridgeClosed if the thread has ended or ends meanwhile.
        Cancellation: cancels the coroutine and waits until it has ended, so that nothing goes on behind the caller's back.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise BridgeClosed("the asyncio thread has ended")
        crossing = _Crossing(function(*args), trio.lowlevel.current_task(), self._token)
        self._crossings.add(crossing)
        try:
            result: _T = await crossing.make(self._running_loop())
            return result
        finally:
            self._crossings.discard(crossing)

    async def call_trio(self, function: Callable[[*_Ts], Awaitable[_T]], *args: *_Ts) -> _T:
        """From the asyncio loop: run `function(*args)` as a trio task and return what it returns.

        Raises: what it raises; BridgeClosed if trio is leaving, so that the task was cancelled over there.
        Cancellation: cancels the trio task and waits until it has ended.
        """
        async with self._calls:
            done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            scope = trio.CancelScope()
            try:
                self._token.run_sync_soon(self._start_task, scope, done, function, args)
            except trio.RunFinishedError as error:
                raise BridgeClosed("trio has ended") from error
            while not done.done():
                try:
                    await asyncio.wait([done])
                except asyncio.CancelledError:
                    with contextlib.suppress(trio.RunFinishedError):
                        self._token.run_sync_soon(scope.cancel)
                        await _settled(done)
                    raise
            return done.result()

    def _start_task(
        self,
        scope: trio.CancelScope,
        done: "asyncio.Future[_T]",
        function: Callable[[*_Ts], Awaitable[_T]],
        args: tuple[*_Ts],
    ) -> None:
        try:
            self._nursery.start_soon(self._run_task, scope, done, function, args)
        except RuntimeError:  # the nursery is closed
            self._answer(done, None, BridgeClosed("trio is leaving"))

    async def _run_task(
        self,
        scope: trio.CancelScope,
        done: "asyncio.Future[_T]",
        function: Callable[[*_Ts], Awaitable[_T]],
        args: tuple[*_Ts],
    ) -> None:
        try:
            with scope:
                result = await function(*args)
                self._answer(done, result, None)
                return
        except Exception as error:  # it belongs to the caller on the other side
            self._answer(done, None, error)
        except BaseException:
            self._answer(done, None, BridgeClosed("trio is leaving"))
            raise
        else:
            self._answer(done, None, BridgeClosed("cancelled"))

    def _answer(self, done: "asyncio.Future[_T]", result: _T | None, error: Exception | None) -> None:
        def settle() -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # None only where _T allows it, or beside an error

        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._running_loop().call_soon_threadsafe(settle)

    async def _open(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._thread.start()
        await trio.to_thread.run_sync(self._ready.wait)

    async def _close(self) -> None:
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._thread.join, _FAREWELL_SECONDS)
        self._closed = True
        for crossing in self._crossings:
            crossing.resume()
        if self._thread.is_alive():
            LOG.error("the asyncio thread does not end within %.0f s of being told to; it is left behind", _FAREWELL_SECONDS)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _main(self) -> None:
        try:
            # The runner cancels what is left over when it closes, and waits for it.
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()


async def _settled(done: "asyncio.Future[_T]") -> None:
    """Wait for `done`, however often we are cancelled: its trio task was told to end, and ends."""
    while not done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([done])
    done.exception()


class _Crossing:
    """One coroutine that a trio task waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waiter: trio.lowlevel.Task, token: trio.lowlevel.TrioToken) -> None:
        self._coroutine: Final = coroutine
        self._waiter: Final = waiter
        self._token: Final = token
        self._task: asyncio.Task[Any] | None = None
        self._raise_cancel: Callable[[], NoReturn] | None = None
        self._resumed = False

    async def make(self, loop: asyncio.AbstractEventLoop) -> Any:
        """In trio: start the coroutine and wait for its end."""
        try:
            loop.call_soon_threadsafe(self._start)
        except RuntimeError as error:  # the loop is closed
            self._coroutine.close()
            raise BridgeClosed("the asyncio thread has ended") from error

        def cancel(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
            self._raise_cancel = raise_cancel
            # Should the loop be closed already, then the coroutine has ended, or the thread's end is told.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._cancel)
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(cancel)
        task = self._task
        if task is None:
            self._coroutine.close()
        elif task.done() and not task.cancelled():
            return task.result()
        if self._raise_cancel is not None:
            self._raise_cancel()
        raise BridgeClosed("the asyncio thread ended while the call was under way")

    def resume(self) -> None:
        """In trio: wait no longer; the coroutine has ended, or its thread has."""
        if not self._resumed:
            self._resumed = True
            trio.lowlevel.reschedule(self._waiter)

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._coroutine)
        self._task.add_done_callback(self._wake)

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()

    def _wake(self, task: "asyncio.Task[Any]") -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.resume)


@contextlib.asynccontextmanager
async def open_asyncio_thread() -> AsyncIterator[AsyncioThread]:
    """Start the thread, and end it, with all that runs on it, at the end of the block.

    Cancellation: safe; what runs over there is cancelled and waited for, within a few seconds.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        thread = AsyncioThread(nursery)
        try:
            await thread._open()
            yield thread
        except Exception as error:
            failure = error
        finally:
            # Coroutines that wait for trio are cancelled first, and then the tasks they had there end.
            await thread._close()
            nursery.cancel_scope.cancel()
    # Outside, because the nursery is nobody else's business: it would make a group of it.
    if failure is not None:
        raise failure
