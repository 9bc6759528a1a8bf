"""A mesh on this machine as a person starts it: `hauberk up` and `hauberk run`, real processes on loopback."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import trio

from hauberk_cli.mesh.look import is_bad
from hauberk_control.local.client import ControlConnection
from hauberk_control.local.messages import AskStatus, Status

# Generous: a dozen interpreters start on a machine that may be busy.
START_SECONDS: Final = 90.0
# Proxies end what they have begun first.
END_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.02
# To the line's end: it may be read while it is being written.
_GATEWAY_PORT: Final = re.compile(r"gateway (\S+)/(\S+): port \d+ is 127\.0\.0\.1:(\d+)\n")


class Reply(NamedTuple):
    """What was answered; status 0: the connection failed."""

    status: int
    body: str


def get(port: int, path: str, **headers: str) -> Reply:
    """Ask a port of this machine, on a connection of its own. Args: headers - underscores in names stand for dashes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Reply(response.status, response.read().decode())
    except (OSError, http.client.HTTPException):
        return Reply(0, "")
    finally:
        connection.close()


class Certificate(NamedTuple):
    """What a proxy tells of its own certificate; the moments are in ISO form."""

    serial: int
    not_before: str
    not_after: str


class Proxy(NamedTuple):
    """One running proxy, by its folder."""

    folder: Path

    def bootstrap(self) -> dict[str, object]:
        """The document that it was started with."""
        document = json.loads((self.folder / "bootstrap.json").read_text())
        assert isinstance(document, dict)
        return document

    def node(self) -> dict[str, dict[str, object]]:
        """What control was told of it."""
        node = self.bootstrap()["node"]
        assert isinstance(node, dict)
        return node

    def admin(self, path: str) -> str:
        """A page of its admin server. Raises: OSError."""
        connection = http.client.HTTPConnection(str(self.bootstrap()["admin"]), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether it says so itself."""
        try:
            return self.admin("/healthz/ready").startswith("ready")
        except (OSError, http.client.HTTPException):
            return False

    def certificate(self) -> Certificate:
        """The certificate by which it is known in the mesh."""
        [shown] = [shown for shown in json.loads(self.admin("/certs"))["certificates"] if shown["name"] == "workload"]
        return Certificate(int(shown["serial"], 16), shown["not_before"], shown["not_after"])

    def metric_lines(self, name: str, **labels: str) -> list[str]:
        """The lines of a metric that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = self.admin("/stats/prometheus").splitlines()
        return [line for line in lines if line.startswith(name + "{") and all(label in line for label in wanted)]

    def inbound_port(self, service_port: int) -> int:
        """Where the mesh reaches its workload."""
        listen = self.node()["inbound"][str(service_port)]
        assert isinstance(listen, list)
        return int(listen[0])

    def outbound_port(self, target: str) -> int:
        """Where its workload calls a service, `service.namespace:port`."""
        return int(str(self.node()["outbound"][target]))

    def log(self) -> str:
        """What it has written."""
        return (self.folder / "log").read_text(errors="replace")

    def agent(self) -> int:
        """Its agent's process; 0 while there is none."""
        wanted = str(self.folder / "bootstrap.json")
        found = processes(lambda line: wanted in line and "hauberk_cli" not in line)
        # A worker that is just being started looks like its agent.
        agents = [process for process in found if parent(process) not in found]
        assert len(agents) <= 1, agents
        return agents[0] if agents else 0

    def workers(self) -> list[int]:
        """Its workers' processes."""
        return children(self.agent())


def processes(wanted: Callable[[str], bool]) -> list[int]:
    """The processes with such a command line."""
    return [process for process in everybody() if wanted(command_line(process))]


def parent(process: int) -> int:
    """The process that has started another one; 0 if that has ended."""
    state, started_by = _status(process)
    return 0 if state in "ZX" else started_by


def children(process: int) -> list[int]:
    """The processes that a process has started and that run."""
    return [other for other in everybody() if process and parent(other) == process]


def everybody() -> list[int]:
    """All processes."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to one process, which must be there: 0 would mean the test's own group."""
    assert process > 0, "there is no such process"
    os.kill(process, number)


def kill(process: int) -> None:
    """End a process outright, and wait for its end."""
    send(process, signal.SIGKILL)
    wait_until(lambda: not is_running(process), "the end of a process that was killed")


def is_running(process: int) -> bool:
    """Whether a process has not ended."""
    return _status(process)[0] not in "ZX"


def _status(process: int) -> tuple[str, int]:
    """The state, a letter (X: there is no such process), and the parent."""
    try:
        state, started_by = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "X", 0
    return state, int(started_by)


def command_line(process: int) -> str:
    """What a process was started with; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Mesh:
    """The processes, and what they said."""

    def __init__(self, folder: Path, up: "subprocess.Popen[str]", log: Path, python: str = sys.executable) -> None:
        self.folder: Final = folder
        self.python: Final = python
        self.log: Final = log
        self.up: Final = up

    @property
    def gateway_port(self) -> int:
        """Where the first gateway listens."""
        return next(iter(self.gateway_ports().values()))

    def gateway_ports(self) -> dict[str, int]:
        """Where each gateway listens; of several ports, the last."""
        return {name: int(port) for _, name, port in _GATEWAY_PORT.findall(self.log.read_text())}

    def proxy(self, role: str, name: str) -> Proxy:
        """One of its proxies."""
        return Proxy(self.folder / ".hauberk" / "proxies" / f"{role}.default.{name}")

    def hauberk(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that looks at this mesh."""
        command = [self.python, "-m", "hauberk_cli", *arguments, "--mesh", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)

    def current_proxies(self) -> int:
        """How many proxies have the latest configuration, by what control says; -1 while it does not answer."""
        answer = self.hauberk("proxies", "-o", "json")
        if answer.returncode != 0:
            return -1
        return sum(bool(proxy["current"]) for proxy in json.loads(answer.stdout)["proxies"])

    def refusals(self) -> list[str]:
        """What control refuses, each with its place and the reason, as `hauberk status` tells it."""

        async def ask() -> Status:
            connection = await ControlConnection.open(self.folder)
            try:
                return await connection.ask(AskStatus(), Status)
            finally:
                await connection.close()

        status = trio.run(ask)
        bad = [f"{row.place}: {row.kind} {row.name}: {row.reason}: {row.message}" for row in status.conditions if is_bad(row)]
        return bad + status.problems

    def get(self, path: str, **headers: str) -> Reply:
        """Ask the gateway as `get` does."""
        return get(self.gateway_port, path, **headers)

    def control(self) -> int:
        """The process of control; 0 while there is none."""
        found = [child for child in children(self.up.pid) if "hauberk_cli control" in command_line(child)]
        return found[0] if found else 0

    def control_log(self) -> str:
        """What control has written."""
        return (self.folder / ".hauberk" / "control.log").read_text(errors="replace")

    @contextlib.contextmanager
    def workload(
        self, service: str, *, version: str = "", variables: dict[str, str] | None = None, through: Sequence[str] = ()
    ) -> "Iterator[subprocess.Popen[bytes]]":
        """A service of the bookshop as a workload, until the end of the block.

        Args: through - a program, with its arguments, that runs the service in turn.
        """
        command = [self.python, "-m", "hauberk_cli", "run", "--mesh", str(self.folder), "--service", service, "--port", "9080"]
        if version:
            command += ["--version", version]
        command += ["--", *through, self.python, "-m", "hauberk_bookshop", service]
        environment = {**os.environ, **({"SERVICE_VERSION": version} if version else {}), **(variables or {})}
        log = self.folder.parent / f"{service}{version}.log"
        with log.open("a") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(END_SECONDS)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> float:
    """Wait, with a deadline. Returns: how long it took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - begun


@contextlib.contextmanager
def running_mesh(
    folder: Path,
    *options: str,
    gateways: int = 1,
    variables: dict[str, str] | None = None,
    python: str = sys.executable,
) -> Iterator[Mesh]:
    """`hauberk up` on a folder that has so many Gateways with one port each, until the end of the block.

    Args: variables - for the environment, beside those of this process; python - an interpreter with hauberk.
    """
    log = folder.parent / "up.log"
    with log.open("w") as output:
        command = [python, "-m", "hauberk_cli", "up", *options, str(folder)]
        environment = {**os.environ, **(variables or {})}
        up = subprocess.Popen(command, stdout=output, stderr=output, text=True, env=environment)
    mesh = Mesh(folder, up, log, python)
    try:

        def told() -> bool:
            assert up.poll() is None, log.read_text()
            return len(mesh.gateway_ports()) == gateways

        wait_until(told, "the gateways' ports")
        yield mesh
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(END_SECONDS)
