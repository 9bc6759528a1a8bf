"""A mesh on this machine as a person starts it: `hauberk up` and `hauberk run`, real processes on loopback."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

# Generous: a dozen interpreters start on a machine that may be busy.
START_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.02


class Reply(NamedTuple):
    """What the gateway answered; status 0: the connection failed."""

    status: int
    body: str


class Proxy(NamedTuple):
    """One running proxy, by its folder."""

    folder: Path

    def bootstrap(self) -> dict[str, object]:
        """The document that it was started with."""
        document = json.loads((self.folder / "bootstrap.json").read_text())
        assert isinstance(document, dict)
        return document

    def admin(self, path: str) -> str:
        """A page of its admin server."""
        connection = http.client.HTTPConnection(str(self.bootstrap()["admin"]), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def inbound_port(self, service_port: int) -> int:
        """Where the mesh reaches its workload."""
        node = self.bootstrap()["node"]
        assert isinstance(node, dict)
        return int(node["inbound"][str(service_port)][0])

    def agent_pid(self) -> int:
        """Its agent's process."""
        wanted = str(self.folder / "bootstrap.json")
        found = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and wanted in _command_line(entry) and "hauberk_cli" not in _command_line(entry)
        ]
        assert len(found) == 1, found
        return found[0]


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Mesh:
    """The processes, and what they said."""

    def __init__(self, folder: Path, up: "subprocess.Popen[str]", log: Path, python: str = sys.executable) -> None:
        self.folder: Final = folder
        self.python: Final = python
        self.log: Final = log
        self.up: Final = up
        self.gateway_port = 0

    def proxy(self, role: str, name: str) -> Proxy:
        """One of its proxies."""
        return Proxy(self.folder / ".hauberk" / "proxies" / f"{role}.default.{name}")

    def hauberk(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that looks at this mesh."""
        command = [self.python, "-m", "hauberk_cli", *arguments, "--mesh", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def get(self, path: str, **headers: str) -> Reply:
        """Ask the gateway, on a connection of its own. Args: headers - underscores in names stand for dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway_port, timeout=20)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Reply(response.status, response.read().decode())
        except (OSError, http.client.HTTPException):
            return Reply(0, "")
        finally:
            connection.close()

    @contextlib.contextmanager
    def workload(self, service: str, *, version: str = "", variables: dict[str, str] | None = None) -> Iterator[None]:
        """A service of the bookshop as a workload, until the end of the block."""
        command = [self.python, "-m", "hauberk_cli", "run", "--mesh", str(self.folder), "--service", service, "--port", "9080"]
        if version:
            command += ["--version", version]
        command += ["--", self.python, "-m", "hauberk_bookshop", service]
        log = self.folder.parent / f"{service}{version}.log"
        with log.open("w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **(variables or {})})
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> float:
    """Wait, with a deadline. Returns: how long it took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - begun


@contextlib.contextmanager
def running_mesh(folder: Path, *options: str, python: str = sys.executable) -> Iterator[Mesh]:
    """`hauberk up` on a folder that has one Gateway with one port, until the end of the block. Args: python - with hauberk."""
    log = folder.parent / "up.log"
    with log.open("w") as output:
        command = [python, "-m", "hauberk_cli", "up", *options, str(folder)]
        up = subprocess.Popen(command, stdout=output, stderr=output, text=True)
    mesh = Mesh(folder, up, log, python)
    try:
        found: list[str] = []

        def told() -> bool:
            assert up.poll() is None, log.read_text()
            found[:] = re.findall(r"port \d+ is 127\.0\.0\.1:(\d+)", log.read_text())
            return bool(found)

        wait_until(told, "the gateway's port")
        mesh.gateway_port = int(found[0])
        yield mesh
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


class Load:
    """Asks the gateway again and again, and keeps what it was answered."""

    def __init__(self, mesh: Mesh, path: str) -> None:
        self._mesh: Final = mesh
        self._path: Final = path
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run)
        self.answers: Final[list[Reply]] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def failed(self) -> list[Reply]:
        """Answers other than 200."""
        return [answer for answer in self.answers if answer.status != 200]

    def _run(self) -> None:
        while not self._stop.is_set():
            self.answers.append(self._mesh.get(self._path))
            self._stop.wait(0.01)
