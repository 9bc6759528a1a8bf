"""Child processes on chosen cores, each in a session of its own, and all of them ended together."""

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from bench import machine

_STOP_SECONDS = 10.0
# Enough for a proxy's complaint about its configuration; the file may be an access log of many mebibytes.
_LAST_OCTETS = 4096


class BenchError(Exception):
    """Something that a person must hear of: what went wrong, where, and what to look at."""


@dataclasses.dataclass(frozen=True)
class Launch:
    """How to start a process."""

    arguments: list[str]
    folder: Path
    """Its working directory."""
    output: Path
    """Standard output and error are appended here."""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    """Added to ours."""


class Process:
    """A child process and its descendants."""

    def __init__(self, name: str, launch: Launch, core: int) -> None:
        self.name = name
        self.output = launch.output
        with launch.output.open("ab") as sink:
            self._child = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *launch.arguments],
                cwd=launch.folder,
                env={**os.environ, **launch.environment},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def family(self) -> list[int]:
        """This process and its descendants, by pid."""
        return machine.family(self.pid)

    def wait_port(self, port: int, seconds: float = 20.0) -> None:
        """Return when something accepts connections on loopback at `port`.

        Raises: BenchError if the process ends first or time runs out, with the last lines that it wrote.
        """
        deadline = time.monotonic() + seconds
        while True:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self._child.poll() is not None:
                status = self._child.returncode
                raise BenchError(f"{self.name} ended with status {status} before it listened:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} does not listen on port {port} after {seconds:.0f} s:\n{self.last_words()}")
            time.sleep(0.02)

    def wait(self, seconds: float) -> None:
        """Return when it has ended by itself. Raises: BenchError if it does not, or fails."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} has not ended after {seconds:.0f} s:\n{self.last_words()}") from None
        if status != 0:
            raise BenchError(f"{self.name} ended with status {status}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of what it wrote."""
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - _LAST_OCTETS))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-12:])

    def stop(self) -> None:
        """Ask it to end, then end it and every descendant. Idempotent."""
        family = {pid: machine.birth(pid) for pid in self.family()}
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for pid, birth in family.items():
            deadline = time.monotonic() + _STOP_SECONDS
            while birth is not None and machine.birth(pid) == birth and time.monotonic() < deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)


class Processes:
    """Everything started inside a `with` block is stopped at its end, last first, also after Ctrl-C.

    While stopping, a second Ctrl-C is not heard: it would leave proxies behind. For the main thread only.
    """

    def __init__(self) -> None:
        self._running: list[Process] = []

    def start(self, name: str, launch: Launch, core: int) -> Process:
        """Start and remember a process."""
        process = Process(name, launch, core)
        self._running.append(process)
        return process

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            while self._running:
                self._running.pop().stop()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; held open together while choosing, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for candidate in sockets:
            candidate.bind(("127.0.0.1", 0))
        return [candidate.getsockname()[1] for candidate in sockets]
    finally:
        for candidate in sockets:
            candidate.close()
