"""Ways in which the processes of a proxy end and begin again under load, and what each costs those who are being served."""

import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from kept_proxy import KeptProxy
from laptop_mesh import children, is_running
from live_proxy import wait_until

_LISTENS: Final = "0A"


def replace(proxy: KeptProxy) -> int:
    """Another agent takes over, and the one before drains. Returns: 0, for nobody loses anything."""
    assert proxy.replace(), proxy.log()[-4000:]
    return 0


def kill_agent(proxy: KeptProxy) -> int:
    """Its workers serve until those of the agent that is started next do. Returns: 0, for nobody loses anything."""
    before = proxy.child.pid
    orphans = children(before)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not any(is_running(orphan) for orphan in orphans), proxy.log)
    return 0


def kill_worker(proxy: KeptProxy) -> int:
    """Kill the first. Returns: how many connections of clients it had, each of which is lost with what is under way on it."""
    worker = min(children(proxy.child.pid))
    ready = proxy.log().count(KeptProxy.WORKER_READY)
    # What it has changes no more from here on: those who come wait for its successor.
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: _state(worker) == "T", lambda: f"process {worker} does not stop")
    lost = _accepted(worker, proxy.ports().values())
    os.kill(worker, signal.SIGKILL)
    proxy.wait_logged(KeptProxy.WORKER_READY, ready + 1)
    return lost


RESTARTS: Final[dict[str, Callable[[KeptProxy], int]]] = {
    "replaced": replace,
    "agent-killed": kill_agent,
    "worker-killed": kill_worker,
}
"""By the name of what happens; each returns how many clients' connections that may cost."""


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def _accepted(process: int, ports: Collection[int]) -> int:
    """How many connections to these ports a process has."""
    held = {os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir()}  # noqa: PTH115 - no path, but `socket:[NUMBER]`
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        int(line[1].partition(":")[2], 16) in ports and line[3] != _LISTENS and f"socket:[{line[9]}]" in held for line in lines
    )
