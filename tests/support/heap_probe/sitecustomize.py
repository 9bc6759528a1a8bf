"""Python imports this at the start of every process that has this folder on its path: such a process tells what it holds alive.

On SIGUSR1 it collects cycles, counts what is left and writes both figures to a file; see `heap`. The proxy's own code is as ever.
So that the soak itself can be tested, a process may also be made to leak, from the first time it is asked.
"""

import ctypes
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

FOLDER: Final = os.environ.get("HEAP_PROBE_FOLDER", "")
LEAKS: Final = os.environ.get("HEAP_PROBE_LEAKS", "").split(",")
_LEAKED: Final[list[Any]] = []


class Mallinfo(ctypes.Structure):
    """What glibc's `mallinfo2` returns."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    )


def tell(*_: object) -> None:
    """Write the number of Python's objects, and the octets that malloc has given out."""
    gc.collect()
    info: Any = mallinfo2()
    path = Path(FOLDER, str(os.getpid()))
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{sys.getallocatedblocks()} {info.uordblks + info.hblkhd}")
    fresh.replace(path)
    leak()


def leak() -> None:
    """Begin to keep what the environment says."""
    while LEAKS:
        what = LEAKS.pop()
        if what == "requests":
            keep_of_requests()
        elif what == "changes" and (agent := sys.modules.get("hauberk_core.agent.agent")) is not None:
            keep_of_changes(agent)


def keep_of_requests() -> None:
    """Keep one object of 56 octets for each eighth reading of a socket: a proxy reads once or twice for a request."""
    receive = socket.socket.recv
    readings = 0

    def leaky_receive(sock: socket.socket, size: int, flags: int = 0) -> bytes:
        nonlocal readings
        readings += 1
        if readings % 8 == 0:
            _LEAKED.append(bytes(23))
        return receive(sock, size, flags)

    socket.socket.recv = leaky_receive  # type: ignore[method-assign, assignment]


def keep_of_changes(agent: Any) -> None:
    """Keep each configuration that the agent has put into force."""
    report = agent._report

    def leaky_report(target: object, *rest: object) -> None:
        _LEAKED.append(target)
        report(target, *rest)

    agent._report = leaky_report


if FOLDER:
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = Mallinfo
    signal.signal(signal.SIGUSR1, tell)
