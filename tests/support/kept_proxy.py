"""A real `hauberk proxy` below the part of a service manager that `hauberk up` plays, in a thread of the test's own process."""

import contextlib
import json
import os
import re
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import trio
from live_proxy import PATIENCE, JsonObject, wait_until

from hauberk_cli.mesh.proxy_child import ProxyChild

_LISTENS: Final = re.compile(r"listener (\S+) listens on \S+:(\d+)\n")
# A dozen processes start one after the other, on a machine that may be busy with others.
_REPLACEMENT_SECONDS: Final = 90.0


class KeptProxy:
    """The proxy, replaced and looked at. Its listeners may have port 0: a successor has the same sockets."""

    WORKER_READY: ClassVar = "is ready, process"
    """Words of its log."""

    def __init__(self, folder: Path, snapshot: JsonObject, workers: int, environment: Mapping[str, str]) -> None:
        self.config: Final = folder / "proxy.json"
        self.workers: int = workers
        """Of the next process."""
        self.configure(snapshot)
        self.child: Final = ProxyChild("the proxy", self._command, folder / "log", variables=environment)
        self._log: Final = folder / "log"
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: Final = trio.CancelScope()
        self._thread: Final = threading.Thread(target=trio.run, args=(self._run,))
        self._thread.start()

    def _command(self) -> list[str]:
        options = ["--workers", str(self.workers), "--admin", "127.0.0.1:0"]
        return [sys.executable, "-m", "hauberk_cli", "proxy", "--config", str(self.config), *options]

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            await self.child.keep()

    def configure(self, snapshot: JsonObject) -> None:
        """Put another configuration file in the place of the one there is: a successor that starts just now finds a whole one."""
        fresh = self.config.with_suffix(".new")
        fresh.write_text(json.dumps(snapshot))
        fresh.replace(self.config)

    def log(self) -> str:
        """What all processes have written."""
        return self._log.read_text() if self._log.exists() else ""

    def ports(self) -> dict[str, int]:
        """Where each listener listens, by what was logged last."""
        return {name: int(port) for name, port in _LISTENS.findall(self.log())}

    def replace(self) -> bool:
        """Have another process take over. Returns: whether it did."""
        return trio.from_thread.run(self._replace, trio_token=self._token)

    async def _replace(self) -> bool:
        with trio.fail_after(_REPLACEMENT_SECONDS):
            return await self.child.replace()

    def wait_logged(self, words: str, times: int = 1) -> None:
        """Wait until `words` stand in the log so often."""
        wait_until(lambda: self.log().count(words) >= times, self.log)

    def close(self) -> None:
        """End it, as Ctrl-C would."""
        trio.from_thread.run_sync(self._scope.cancel, trio_token=self._token)
        self._thread.join(PATIENCE)


def admin_port(process: int) -> int:
    """Where the admin server of an agent listens: its one listening socket that no worker of it has."""
    own = _listening_ports(process)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                own -= _listening_ports(int(folder.name))
    assert len(own) == 1, own
    return own.pop()


def _listening_ports(process: int) -> set[int]:
    inodes = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(link))  # noqa: PTH115 - no path, but `socket:[NUMBER]`
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in inodes}


def admin_page(port: int, path: str) -> str:
    """A page of an admin server."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
        text: str = response.read().decode()
        return text


@contextlib.contextmanager
def kept_proxy(
    snapshot: JsonObject, workers: int = 1, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[KeptProxy]:
    """A proxy with this configuration, and these variables, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="hauberk-test-") as folder:
        proxy = KeptProxy(Path(folder), snapshot, workers, environment)
        try:
            wait_until(lambda: len(proxy.ports()) >= len(snapshot["listeners"]), proxy.log)
            yield proxy
        finally:
            proxy.close()
