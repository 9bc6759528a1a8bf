"""The rules in the kernel: real connections between namespaces, by whom, to where, and who gets them."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import capture_probe
import pytest
from network_namespaces import Machine, Network, why_impossible

PROXY: Final = 1337
APP: Final = 12345
PROBE: Final = Path(capture_probe.__file__)
APP_PORTS: Final = ("9080", "9090", "9091")
OWN_PORTS: Final = ("15001", "15006", "15020", "15021")


Answers = dict[tuple[str, int], str]
"""By address and port: the port that answered, and where it says that the connection was going."""


class World:
    """A captured pod, and a machine beside it."""

    def __init__(self, pod: Machine, other: Machine) -> None:
        self.pod: Final = pod
        self.other: Final = other

    def capture(self, *arguments: str) -> str:
        """Install rules; returns what it says."""
        ended = self.pod.run([sys.executable, "-m", "hauberk_sidecar.capture", *arguments])
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def from_pod(self, user: int, places: Iterable[tuple[str, int]]) -> Answers:
        """Who answers a user's connections."""
        return self._dial(self.pod, user, places)

    def from_outside(self, places: Iterable[tuple[str, int]]) -> Answers:
        """Who answers another machine's."""
        return self._dial(self.other, APP, places)

    @staticmethod
    def _dial(machine: Machine, user: int, places: Iterable[tuple[str, int]]) -> Answers:
        words = [str(word) for place in places for word in place]
        answers = machine.ask(PROBE, "dial", *words, user=user)
        assert isinstance(answers, dict)
        return {(address, int(port)): answers[f"{address} {port}"] for address, port in zip(words[::2], words[1::2], strict=True)}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    reason = why_impossible()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        made = World(network.machine("pod"), network.machine("other"))
        servers = [
            made.pod.popen([sys.executable, PROBE, "listen", *OWN_PORTS, *APP_PORTS], user=APP),
            made.other.popen([sys.executable, PROBE, "listen", "80", "443"]),
        ]
        try:
            for server in servers:
                assert server.stdout is not None
                assert server.stdout.readline() == "ready\n"
            yield made
        finally:
            for server in servers:
                server.kill()
                server.communicate()


@pytest.fixture(params=["nft", "iptables"])
def program(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Each of the two, alone on the PATH."""
    name = str(request.param)
    needed = ["ip", "setpriv", "nft"] if name == "nft" else ["ip", "setpriv"]
    if name == "iptables":
        needed += ["iptables", "iptables-restore", "ip6tables", "ip6tables-restore"]
    for one in needed:
        for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
            if (Path(folder) / one).exists():
                (tmp_path / one).symlink_to(Path(folder) / one)
                break
        else:
            pytest.skip(f"{one} is not installed")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        yield name
    world.pod.run(["nft", "flush", "ruleset"])


def test_everything_is_captured_by_default(world: World, program: str) -> None:
    pod, other = world.pod, world.other
    assert "show" in world.capture()
    outside: Answers = {}
    workload: Answers = {("127.0.0.1", 9080): "9080 directly", ("::1", 9080): "9080 directly"}
    proxy = workload | {("127.0.0.7", 15002): "15001 127.0.0.7 15002", ("127.0.0.6", 15002): "15006 127.0.0.6 15002"}
    for mine, theirs, service in ((pod.address, other.address, "10.96.0.10"), (pod.address6, other.address6, "fd00:96::10")):
        outside |= {
            (mine, 9080): f"15006 {mine} 9080",
            (mine, 15020): "15020 directly",
            (mine, 15021): "15021 directly",
            (mine, 15006): "15006 directly",
        }
        # To another, to the address of a service that no machine has, to itself by its own address.
        workload |= {(theirs, 80): f"15001 {theirs} 80", (service, 80): f"15001 {service} 80", (mine, 9080): "9080 directly"}
        # To another, to the workload under the name of a service.
        proxy |= {(theirs, 80): "80 directly", (mine, 9080): f"15006 {mine} 9080"}
    assert world.from_outside(outside) == outside
    assert world.from_pod(APP, workload) == workload
    assert world.from_pod(PROXY, proxy) == proxy


def test_without_rules_nobody_answers_where_the_proxy_tries_its_roads(world: World, program: str) -> None:
    nobody: Answers = {("127.0.0.7", 15002): "ECONNREFUSED", ("127.0.0.6", 15002): "ECONNREFUSED"}
    assert world.from_pod(PROXY, nobody) == nobody


def test_exclusions_mean_what_the_annotations_say(world: World, program: str) -> None:
    pod, other = world.pod, world.other
    ranges = f"{other.address}/32,{other.address6}"
    world.capture("--exclude-inbound-ports", "9090", "--exclude-outbound-ports", "80", "--exclude-outbound-ranges", ranges)
    outside: Answers = {}
    workload: Answers = {}
    proxy: Answers = {}
    for mine, theirs, service in ((pod.address, other.address, "10.96.0.10"), (pod.address6, other.address6, "fd00:96::10")):
        outside |= {(mine, 9080): f"15006 {mine} 9080", (mine, 9090): "9090 directly"}
        proxy |= {(mine, 9090): "9090 directly"}
        workload |= {(theirs, 443): "443 directly", (service, 443): f"15001 {service} 443"}
    assert world.from_outside(outside) == outside
    assert world.from_pod(APP, workload) == workload
    assert world.from_pod(PROXY, proxy) == proxy


def test_inclusions_mean_what_the_annotations_say(world: World, program: str) -> None:
    pod, other = world.pod, world.other
    ranges = f"{other.address}/32,{other.address6}"
    world.capture("--inbound-ports", "9090,9091", "--outbound-ranges", ranges, "--outbound-ports", "81")
    outside: Answers = {}
    workload: Answers = {}
    for mine, theirs, service in ((pod.address, other.address, "10.96.0.10"), (pod.address6, other.address6, "fd00:96::10")):
        outside |= {(mine, 9080): "9080 directly", (mine, 9091): f"15006 {mine} 9091"}
        workload |= {(theirs, 443): f"15001 {theirs} 443", (service, 81): f"15001 {service} 81"}
    assert world.from_outside(outside) == outside
    assert world.from_pod(APP, workload) == workload
    world.capture("--inbound-ports", "", "--outbound-ranges", "")
    outside = {(pod.address, 9080): "9080 directly"}
    workload = {(other.address, 80): "80 directly", (other.address6, 80): "80 directly"}
    assert world.from_outside(outside) == outside
    assert world.from_pod(APP, workload) == workload


def test_another_run_replaces_the_rules_of_the_one_before(world: World, program: str) -> None:
    world.capture("--exclude-inbound-ports", "9090")
    world.capture()
    once = _ruleset(world)
    world.capture()
    assert _ruleset(world) == once
    assert "9090" not in once


def _ruleset(world: World) -> str:
    shown = world.pod.run(["/usr/sbin/nft", "--stateless", "list", "ruleset"])
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_what_is_refused_changes_nothing(world: World, program: str) -> None:
    world.capture()
    before = _ruleset(world)
    powerless = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    unprivileged = world.pod.run([*powerless, sys.executable, "-m", "hauberk_sidecar.capture", "--inbound-ports", "9090"])
    assert unprivileged.returncode == 1
    assert "NET_ADMIN" in unprivileged.stderr
    wrong = world.pod.run([sys.executable, "-m", "hauberk_sidecar.capture", "--inbound-ports", "http"])
    assert wrong.returncode == 2
    assert "--inbound-ports: 'http' is no port" in wrong.stderr
    dry = world.pod.run([sys.executable, "-m", "hauberk_sidecar.capture", "--inbound-ports", "9090", "--dry-run"])
    assert dry.returncode == 0
    assert "9090" in dry.stdout
    assert _ruleset(world) == before
