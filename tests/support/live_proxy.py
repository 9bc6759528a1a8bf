"""A real `hauberk proxy` for tests: started in a process of its own, reconfigured, looked at from outside, and ended."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

# Nothing takes so long unless it hangs; many tests may run at once on a small machine.
PATIENCE: Final = 30.0
# To the line's end: it may be read while it is being written.
_LISTENS: Final = re.compile(r"listener (\S+) listens on \S+:(\d+)\n")

JsonObject = dict[str, Any]


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for `condition`; AssertionError with `what` if it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


def forward_to(*ports: int, cluster: JsonObject | None = None, chain: JsonObject | None = None) -> JsonObject:
    """A snapshot with one listener, `web`, that forwards everything to these ports; `cluster` and `chain` add settings."""
    endpoints = [{"address": f"127.0.0.1:{port}"} for port in ports]
    route = {"name": "all", "backends": [{"cluster": "backend"}]}
    return {
        "listeners": {"web": {"address": "127.0.0.1:0", "filter_chains": [{"route_table": "all"} | (chain or {})]}},
        "route_tables": {"all": {"virtual_hosts": [{"name": "any", "hosts": ["*"], "routes": [route]}]}},
        "clusters": {"backend": {"endpoints": endpoints} | (cluster or {})},
        "access_log": None,
    }


class LiveProxy:
    """`hauberk proxy --config`, listening once this is made. Ports are the system's choice."""

    def __init__(
        self,
        folder: Path,
        snapshot: JsonObject,
        workers: int = 1,
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        before: tuple[str, ...] = (),
    ) -> None:
        """Start it. Args: before - words of a command that runs the proxy's, in the same process."""
        self.config: Final = folder / "proxy.json"
        self.configure(snapshot)
        self._log: Final = folder / "stderr"
        command = [
            *before,
            sys.executable,
            "-m",
            "hauberk_cli",
            "proxy",
            "--config",
            str(self.config),
            "--workers",
            str(workers),
            *options,
        ]
        with self._log.open("w") as errors:
            # A session of its own, as a shell's job would have: signals that a test sends reach this process alone.
            self.process: Final = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                env=os.environ | environment,
            )
        self._wanted: Final = len(snapshot["listeners"])
        try:
            self.wait_until(lambda: len(self.ports()) >= self._wanted)
        except AssertionError:
            self.end()
            raise

    def configure(self, snapshot: JsonObject) -> None:
        """Write the configuration file, in place and not by renaming: the harder case for its reader."""
        self.config.write_text(json.dumps(snapshot))

    @property
    def port(self) -> int:
        """The port of the listener `web`."""
        return self.ports()["web"]

    def ports(self) -> dict[str, int]:
        """Where each listener listens, by what it logged last."""
        return {name: int(port) for name, port in _LISTENS.findall(self.log())}

    def log(self) -> str:
        """What it has written to standard error."""
        return self._log.read_text()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait while the process runs; AssertionError with its log if it ends or takes too long."""

        def met() -> bool:
            assert self.process.poll() is None or condition(), f"it ended with {self.process.returncode}:\n{self.log()}"
            return condition()

        wait_until(met, self.log)

    def wait_logged(self, words: str) -> None:
        """Wait until it has logged `words`."""
        self.wait_until(lambda: words in self.log())

    def workers(self) -> list[int]:
        """The process identifiers of its workers."""
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            state, parent = status.rpartition(")")[2].split()[:2]
            if int(parent) == self.process.pid and state != "Z":
                found.append(int(folder.name))
        return sorted(found)

    def terminate(self) -> int:
        """SIGTERM, and wait for the end. Returns: the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Make sure that nothing is left."""
        left = self.workers()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for worker in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


@contextlib.contextmanager
def live_proxy(
    snapshot: JsonObject,
    workers: int = 1,
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    before: tuple[str, ...] = (),
) -> Iterator[LiveProxy]:
    """A proxy with this configuration, these options of the command and variables, for as long as the context lasts.

    Args: before - as of `LiveProxy`.
    """
    with tempfile.TemporaryDirectory(prefix="hauberk-test-") as folder:
        proxy = LiveProxy(Path(folder), snapshot, workers, options, environment, before)
        try:
            yield proxy
        finally:
            proxy.end()


def resident_bytes(process: int) -> int:
    """Memory that a process has written to and has to itself. Libraries do not count, whether or not others use them too."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_Dirty:\s+(\d+) kB$", text, re.MULTILINE)) * 1024


def descriptors(process: int) -> int:
    """Open descriptors of a process."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
