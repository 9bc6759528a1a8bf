"""Processes killed outright while requests are under way: only what was in their hands may be lost, and others take over."""

import math
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from hauberk_cli.demo.checks.load import load_on
from hauberk_cli.demo.checks.outcome import Outcome, failures, milliseconds
from hauberk_cli.demo.descendants import descendants, is_running
from hauberk_cli.demo.running import RunningDemo, proxies_lacking
from hauberk_cli.demo.traffic import Load
from hauberk_cli.demo.waiting import wait_until
from hauberk_cli.mesh.admin_page import not_ready
from hauberk_cli.mesh.processes import Child

CLIENTS: Final = 8
WITNESSES: Final = 120
"""Requests of a load that must finish before a check goes on."""
BACK_SECONDS: Final = 60.0
"""For a process to be there again; a second is usual, a busy machine takes longer."""
_POLL_SECONDS: Final = 0.02


async def check_control_killed(demo: RunningDemo) -> Outcome:
    """Without control traffic flows on; it is started again, and all proxies come back to it unasked."""
    load = load_on(demo, CLIENTS)
    back = math.inf
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        await load.wait_samples(WITNESSES)
        demo.control.hold()
        killed = trio.current_time()
        os.kill(demo.control.pid, signal.SIGKILL)
        # All of these go without control.
        await load.wait_samples(2 * WITNESSES)
        demo.control.release()
        if await wait_empty(partial(proxies_lacking, demo)):
            back = trio.current_time() - killed
        nursery.cancel_scope.cancel()
    passed = not load.failed() and not math.isinf(back)
    figures = f"{failures(load)}; every proxy with a new control again after {milliseconds(back)}"
    return Outcome("killing control leaves traffic flowing", passed, figures)


async def check_worker_killed(demo: RunningDemo, name: str, proxy: Child, admin: str) -> Outcome:
    """A worker killed outright takes with it only what it was doing."""
    workers = [process for process, command in descendants(proxy.pid).items() if "hauberk_core.worker" in command]
    title = f"a killed worker of {name} is replaced"
    if not workers:
        return Outcome(title, False, "there is no worker process")

    async def replaced() -> str:
        now = [process for process, command in descendants(proxy.pid).items() if "hauberk_core.worker" in command]
        is_back = workers[0] not in now and len(now) >= len(workers)
        return await not_ready(admin) if is_back else "not replaced yet"

    return await _kill_under_load(demo, title, workers[0], replaced)


async def check_agent_killed(demo: RunningDemo, name: str, proxy: Child, admin: str) -> Outcome:
    """An agent killed outright takes with it only what it was doing."""
    before = proxy.pid

    async def replaced() -> str:
        return "not replaced yet" if proxy.pid == before else await not_ready(admin)

    return await _kill_under_load(demo, f"a killed agent of {name} is replaced", before, replaced)


async def _kill_under_load(demo: RunningDemo, title: str, victim: int, replaced: Callable[[], Awaitable[str]]) -> Outcome:
    load = load_on(demo, CLIENTS)
    back = math.inf
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        await load.wait_samples(WITNESSES)
        killed = trio.current_time()
        os.kill(victim, signal.SIGKILL)
        await wait_until(lambda: not is_running(victim), BACK_SECONDS, pause=0.001)
        # What was sent while the kernel took it down was in its hands too.
        gone = trio.current_time()
        if await wait_empty(replaced):
            back = trio.current_time() - killed
        await load.wait_samples(WITNESSES)
        nursery.cancel_scope.cancel()
    return judge(title, load, killed, gone, back)


def judge(title: str, load: Load, killed: float, gone: float, back: float) -> Outcome:
    """Args: killed, gone - when the signal was sent, and when the process was no more; back - seconds until it was replaced."""
    under_way = [sample for sample in load.samples if sample.began < gone and sample.ended > killed]
    lost = load.failed()
    lost_afterwards = load.failed(since=gone)
    most_by_one = max(Counter(sample.client for sample in lost).values(), default=0)
    longest = max((sample.ended - sample.began for sample in load.samples if sample.ended > killed), default=0.0)
    passed = not lost_afterwards and most_by_one <= 1 and len(lost) <= len(under_way) and not math.isinf(back)
    reason = f" ({lost[-1].error})" if lost else ""
    figures = (
        f"{len(under_way)} under way, {len(lost)} lost{reason}, {len(lost_afterwards)} lost of those sent afterwards; "
        f"back after {milliseconds(back)}, longest wait for an answer {milliseconds(longest)}"
    )
    return Outcome(title, passed, figures)


async def wait_empty(lacking: Callable[[], Awaitable[str]]) -> bool:
    """Wait until nothing is lacking. False: something still is after BACK_SECONDS."""
    with trio.move_on_after(BACK_SECONDS):
        while True:
            if not await lacking():
                return True
            await trio.sleep(_POLL_SECONDS)
    return False
