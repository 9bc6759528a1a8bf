"""Network namespaces that a test makes itself: machines on one network, without a cluster."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final

PATIENCE: Final = 60.0
# Unlike a number of a process, nobody has it again who meets what a run that was killed has left.
_RUN: Final = secrets.token_hex(4)
_NUMBERS: Final = count(1)


def why_impossible() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    name = f"hauberk-{_RUN}-try"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces cannot be made here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


class Machine:
    """One namespace, with `eth0` on the network."""

    def __init__(self, name: str, number: int) -> None:
        self.name: Final = name
        self.address: Final = f"10.250.0.{number}"
        self.address6: Final = f"fd00:250::{number:x}"

    def popen(
        self,
        command: Sequence[str | Path],
        *,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
        pipe: bool = True,
    ) -> "subprocess.Popen[str]":
        """Start a program there. Args: pipe - its standard output; else it is the test's own."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *self._as_user(user), *[str(word) for word in command]],
            env=None if environment is None else {**os.environ, **environment},
            stdout=subprocess.PIPE if pipe else None,
            text=True,
        )

    def run(self, command: Sequence[str | Path], *, user: int | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program there to its end."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *self._as_user(user), *[str(word) for word in command]],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def ask(self, script: Path, *words: str, user: int | None = None) -> object:
        """What a program of Python prints there, as JSON."""
        ended = self.run([sys.executable, script, *words], user=user)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    @staticmethod
    def _as_user(user: int | None) -> list[str]:
        if user is None:
            return []
        # The interpreter may be in a folder of root's, and those that it starts must find it as well.
        search = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *search]


class Network:
    """A bridge, and machines on it; gone at its end."""

    def __init__(self) -> None:
        self._hub: Final = f"hauberk-{_RUN}-{next(_NUMBERS)}-hub"
        self._names: Final[list[str]] = []
        self._machines = 1

    def __enter__(self) -> "Network":
        self._add_namespace(self._hub)
        # Everything that is no machine's is routed here, so that there is a route to addresses that only exist in rules.
        for command in (
            ["link", "add", "br0", "type", "bridge"],
            ["link", "set", "br0", "up"],
            ["address", "add", "10.250.0.1/24", "dev", "br0"],
            ["address", "add", "fd00:250::1/64", "dev", "br0", "nodad"],
        ):
            _ip(self._hub, command)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], check=False)

    def machine(self, name: str) -> Machine:
        """Another one."""
        self._machines += 1
        machine = Machine(f"{self._hub.removesuffix('-hub')}-{name}", self._machines)
        self._add_namespace(machine.name)
        port = f"veth{self._machines}"
        _ip(self._hub, ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine.name])
        _ip(self._hub, ["link", "set", port, "master", "br0", "up"])
        for command in (
            ["link", "set", "eth0", "up"],
            ["address", "add", f"{machine.address}/24", "dev", "eth0"],
            ["address", "add", f"{machine.address6}/64", "dev", "eth0", "nodad"],
            ["route", "add", "default", "via", "10.250.0.1"],
            ["-6", "route", "add", "default", "via", "fd00:250::1"],
        ):
            _ip(machine.name, command)
        return machine

    def _add_namespace(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._names.append(name)
        _ip(name, ["link", "set", "lo", "up"])


def _ip(namespace: str, command: Sequence[str]) -> None:
    subprocess.run(["ip", "-n", namespace, *command], check=True)
