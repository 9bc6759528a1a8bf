"""A mesh of captured pods without a cluster: namespaces, capture rules, sidecars as pods start them, and control beside them."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pod_programs
import trio
from network_namespaces import Machine, Network

from hauberk_control.local.client import ControlAway, ControlConnection
from hauberk_control.local.messages import Joined, RegisterWorkload
from hauberk_core.pod import PROXY_UID, READY_PATH, READY_PORT

NAMESPACE: Final = "shop"
PATIENCE: Final = 120.0
APPLICATION: Final = 12345
_PROGRAMS: Final = Path(pod_programs.__file__)
_CONTROL: Final = (
    "import sys, trio\n"
    "from pathlib import Path\n"
    "from hauberk_control.control import Control, ControlOptions\n"
    "from hauberk_core.agent.logs import configure_logging\n"
    "configure_logging()\n"
    "trio.run(Control(Path(sys.argv[1]), ControlOptions(host=sys.argv[2])).run, strict_exception_groups=True)\n"
)
_SIDECAR: Final = (
    "import sys\n"
    "from pathlib import Path\n"
    "from hauberk_core.agent.pod.run import run_pod_agent\n"
    "sys.exit(run_pod_agent('sidecar', Path(sys.argv[1])))\n"
)


class Pod:
    """A machine with an application and a sidecar."""

    def __init__(self, world: "PodWorld", name: str, machine: Machine, joined: Joined) -> None:
        self.name: Final = name
        self.machine: Final = machine
        self._world: Final = world
        self._root: Final = world.folder / name
        self._joined: Final = joined
        self.sidecar: subprocess.Popen[str]

    def begin(self, environment: Mapping[str, str] = {}) -> None:
        """Start the sidecar, as its container would be."""
        for path, text in (
            ("etc/hauberk/pod/labels", f'app="{self.name}"\n'),
            ("var/run/secrets/hauberk/root/root-cert.pem", self._joined.root),
            ("var/run/secrets/hauberk/token/token", self._joined.token),
        ):
            file = self._root / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
        state = self._root / "var/lib/hauberk"
        state.mkdir(parents=True)
        shutil.chown(state, PROXY_UID, PROXY_UID)
        told = {
            "POD_NAME": f"{self.name}-1",
            "POD_NAMESPACE": NAMESPACE,
            "POD_IP": self.machine.address,
            "POD_IPS": f"{self.machine.address},{self.machine.address6}",
            "SERVICE_ACCOUNT": self.name,
            "HAUBERK_WORKLOAD": self.name,
            "HAUBERK_CONTROL": self._joined.control.rpartition(":")[0],
            "HAUBERK_DISCOVERY_PORT": self._joined.control.rpartition(":")[2],
            "HAUBERK_CA_PORT": self._joined.join.rpartition(":")[2],
        }
        command: list[str | Path] = [sys.executable, "-c", _SIDECAR, self._root]
        self.sidecar = self._world.start(self.machine, command, {**told, **environment}, user=PROXY_UID)

    def capture(self, *arguments: str) -> None:
        """Install the rules, as the init container would."""
        ended = self.machine.run([sys.executable, "-m", "hauberk_sidecar.capture", *arguments])
        assert ended.returncode == 0, ended.stderr

    def ready(self) -> str:
        """What the kubelet is told; `ready`, or why not. Empty: nobody answers."""
        shown = self.machine.run(["curl", "-s", f"http://{self.machine.address}:{READY_PORT}{READY_PATH}"])
        return shown.stdout.strip()

    def metrics(self, name: str, **labels: str) -> list[str]:
        """The lines of a metric that have these labels."""
        shown = self.machine.run(["curl", "-s", f"http://{self.machine.address}:15020/stats/prometheus"]).stdout
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return [line for line in shown.splitlines() if line.startswith(name + "{") and all(label in line for label in wanted)]

    def ask(self, *what: Mapping[str, object]) -> list[object]:
        """Have the application ask."""
        return ask(self.machine, *what)


def ask(machine: Machine, *what: Mapping[str, object]) -> list[object]:
    """Have a process of a machine ask others, one after the other."""
    answers = machine.ask(_PROGRAMS, "ask", json.dumps(what), user=APPLICATION)
    assert isinstance(answers, list)
    return answers


class PodWorld:
    """The network, control, and pods."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network: Final = network
        self.folder: Final = folder
        self.mesh: Final = folder / "mesh"
        self._control: Final = network.machine("control")
        self._processes: Final[list[subprocess.Popen[str]]] = []
        self._pods: Final[dict[str, Pod]] = {}

    def start(
        self, machine: Machine, command: list[str | Path], environment: Mapping[str, str] | None = None, user: int | None = None
    ) -> "subprocess.Popen[str]":
        """A process that ends with the world."""
        process = machine.popen(command, user=user, environment=environment)
        self._processes.append(process)
        return process

    def apply(self, resources: str) -> None:
        """Replace what control reads."""
        fresh = self.folder / "fresh.yaml"
        fresh.write_text(resources)
        fresh.replace(self.mesh / "all.yaml")

    def begin(self) -> None:
        """Start control."""
        self.mesh.mkdir()
        self.start(self._control, [sys.executable, "-c", _CONTROL, self.mesh, self._control.address])

    def pod(self, name: str) -> Pod:
        """A pod whose application serves; its sidecar is still to be begun."""
        machine = self.network.machine(name)
        joined = trio.run(self._join, name, machine)
        pod = Pod(self, name, machine, joined)
        self.application(machine)
        return pod

    def application(self, machine: Machine) -> None:
        """Start an application there."""
        process = self.start(machine, [sys.executable, _PROGRAMS, "serve"], user=APPLICATION)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def end(self) -> None:
        """End every process."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    async def _join(self, name: str, machine: Machine) -> Joined:
        """A token for the pod's service account, as TokenReview would stand behind one on a cluster."""
        with trio.fail_after(90):
            while True:
                try:
                    connection = await ControlConnection.open(self.mesh)
                except ControlAway:
                    await trio.sleep(0.05)
                    continue
                try:
                    request = RegisterWorkload(
                        service=name, namespace=NAMESPACE, service_account=name, name=name, address=machine.address
                    )
                    joined = await connection.ask(request, Joined)
                except ControlAway:
                    await trio.sleep(0.05)
                    continue
                finally:
                    await connection.close()
                return joined


@contextlib.contextmanager
def pod_world() -> Iterator[PodWorld]:
    """A world, gone with its processes at the end."""
    with tempfile.TemporaryDirectory() as text, Network() as network:
        folder = Path(text)
        # Proxies and applications are other users.
        folder.chmod(0o755)
        world = PodWorld(network, folder)
        try:
            world.begin()
            yield world
        finally:
            world.end()


def wait_ready(pod: Pod) -> None:
    """Wait until the kubelet would call it ready."""
    deadline = time.monotonic() + PATIENCE
    while (told := pod.ready()) != "ready":
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


def wait_told(pod: Pod, words: str) -> None:
    """Wait until the kubelet is told these words."""
    deadline = time.monotonic() + PATIENCE
    while words not in (told := pod.ready()):
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
