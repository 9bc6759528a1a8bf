"""Control is killed under load, and proxies are restarted meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from bookshop_mesh import MARK, bookshop_mesh, gateway, is_answered_by, route, write_bookshop
from endurance import lasting
from impostor import control_away
from laptop_mesh import Mesh, Proxy, children, command_line, get, is_running, kill, send, wait_until
from load_client import Load, Sample

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

# Beside `bookshop`, which nobody restarts.
OTHER_GATEWAYS = tuple(f"other-{number}" for number in range(int(lasting(9, 1))))
GATEWAYS = ("bookshop", *OTHER_GATEWAYS)
SIDECARS = ("reviews-v2", "reviews-v3", "ratings")
# What is sent to a process that is killed may be on its way for a while.
UNDER_WAY_SECONDS = 1.0
# Proxies ask for a control that is away every five seconds or so.
ROUND_SECONDS = 5.0


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("away") / "mesh"
    write_bookshop(folder)
    for name in OTHER_GATEWAYS:
        (folder / f"{name}.yaml").write_text(gateway(name))
    for name in ("reviews", "ratings"):
        (folder / f"{name}-route.yaml").write_text(route(name, gateways=GATEWAYS))
    with bookshop_mesh(folder, gateways=len(GATEWAYS)) as running:
        yield running


def proxies(mesh: Mesh) -> int:
    return len(GATEWAYS) + len(SIDECARS)


class Killing(NamedTuple):
    """When a process was sent its signal, and when it was seen to be gone."""

    begun: float
    ended: float


def _restart_agent(proxy: Proxy, number: signal.Signals) -> Killing:
    """End an agent, and wait until the one that is started in its place serves, from disk."""
    before = len(proxy.log())
    agent = proxy.agent()
    begun = time.monotonic()
    send(agent, number)
    wait_until(lambda: not is_running(agent), f"the end of the agent of {proxy.folder.name}")
    killing = Killing(begun, time.monotonic())
    wait_until(lambda: proxy.agent() not in {0, agent} and proxy.is_ready(), f"{proxy.folder.name} ready again")
    told = proxy.log()[before:]
    assert "from disk" in told, told
    return killing


def _restart_worker(proxy: Proxy) -> Killing:
    [worker] = proxy.workers()
    begun = time.monotonic()
    kill(worker)
    killing = Killing(begun, time.monotonic())
    wait_until(lambda: proxy.workers() not in ([], [worker]) and proxy.is_ready(), f"a new worker of {proxy.folder.name}")
    return killing


def test_proxies_serve_on_and_restart_without_control_and_have_the_latest_when_it_is_back(mesh: Mesh) -> None:
    other = mesh.proxy("gateway", OTHER_GATEWAYS[0])
    reviews = mesh.proxy("sidecar", "reviews-v3")
    ports = mesh.gateway_ports()
    wait_until(lambda: mesh.current_proxies() == proxies(mesh), "all proxies")
    end = time.monotonic() + lasting(60, 1)
    with (
        Load(mesh.gateway_port, "/ratings/0", clients=2, fresh=1) as steady,
        Load(mesh.gateway_port, "/reviews/0", clients=2, fresh=1) as disturbed,
    ):
        with control_away(mesh, "closing") as away:
            for name in ("reviews", "ratings"):
                (mesh.folder / f"{name}-route.yaml").write_text(route(name, mark="second", gateways=GATEWAYS))
            _restart_worker(other)
            _restart_agent(other, signal.SIGTERM)
            _restart_agent(other, signal.SIGKILL)
            assert get(ports[OTHER_GATEWAYS[0]], "/reviews/0").status == 200
            assert "control: away for" in other.admin("/readyz?verbose")
            _restart_agent(reviews, signal.SIGTERM)
            killings = [_restart_worker(reviews), _restart_agent(reviews, signal.SIGKILL)]
            wait_until(lambda: is_answered_by(mesh, "v3"), "an answer of the restarted sidecar")
            while time.monotonic() < end:
                assert steady.failed() == []
                time.sleep(0.1)
            tries = list(away.came)
        back = time.monotonic()
        wait_until(lambda: mesh.current_proxies() == proxies(mesh), "all proxies with control again")
        seconds = time.monotonic() - back
        for port in ports.values():
            wait_until(lambda: _mark(port) == "second", "the configuration that was written meanwhile")  # noqa: B023 - called at once
    assert steady.failed() == []
    assert [sample for sample in disturbed.failed() if not _was_under_way(sample, killings)] == []
    assert len(disturbed.failed()) <= disturbed.clients * len(killings)
    _check_no_stampede(tries, proxies(mesh))
    print(f"all {proxies(mesh)} proxies have the latest {seconds:.1f} s after control's port was free")  # noqa: T201
    print(f"{steady.total()} and {disturbed.total()} requests, {len(disturbed.failed())} lost with what was killed")  # noqa: T201


def _was_under_way(sample: Sample, killings: list[Killing]) -> bool:
    return any(sample.began <= killing.ended + UNDER_WAY_SECONDS and sample.ended >= killing.begun for killing in killings)


def _check_no_stampede(tries: list[float], count: int) -> None:
    """Each comes again and again, ever more seldom, and they do not come together."""
    assert len(tries) >= count
    late = [moment for moment in tries if moment >= tries[0] + 10.0]
    if late:
        rounds = (late[-1] - late[0]) / ROUND_SECONDS + 1
        # Few may meet by chance. Many meet where the machine had no time for any of them for a while, but not round after round.
        bunches = _count_bunches(late, max(3, 2 * count // 3))
        assert bunches <= 1 + rounds / 3, f"{bunches} times in {rounds:.0f} rounds most of {count} came together"
        rate = len(late) / (late[-1] - late[0] + 1)
        assert rate <= count, f"{rate:.1f} tries a second"
        print(f"{count} proxies, {len(tries)} tries, at last {rate:.1f} a second")  # noqa: T201


def _count_bunches(moments: list[float], most: int) -> int:
    """How often more than `most` of these moments lie within a tenth of a second."""
    bunches, place = 0, 0
    while place < len(moments):
        together = sum(moments[place] <= moment < moments[place] + 0.1 for moment in moments)
        bunches += together > most
        place += together if together > most else 1
    return bunches


def _mark(port: int) -> str:
    with Load(port, "/reviews/0", mark=MARK) as load:
        wait_until(lambda: load.total() > 0, "an answer")
    return load.samples()[0].mark


def test_control_that_is_killed_again_and_again_loses_no_request(mesh: Mesh) -> None:
    with Load(mesh.gateway_port, "/reviews/0", clients=3, fresh=1) as load:
        for _ in range(int(lasting(6, 2))):
            kill(mesh.control())
            wait_until(lambda: mesh.current_proxies() == proxies(mesh), "all proxies with control again")
    assert load.total() > 0
    assert load.failed() == []


def test_workloads_that_come_back_to_control_late_are_not_missed(mesh: Mesh) -> None:
    runs = [process for process in children(os.getpid()) if "hauberk_cli run" in command_line(process)]
    assert len(runs) == len(SIDECARS)
    control = mesh.control()
    with Load(mesh.gateway_port, "/reviews/0", clients=2, fresh=1) as load:
        for run in runs:
            send(run, signal.SIGSTOP)
        try:
            kill(control)
            wait_until(lambda: mesh.current_proxies() == proxies(mesh), "all proxies, sidecars included, with control again")
            log = len(mesh.control_log())
        finally:
            for run in runs:
                send(run, signal.SIGCONT)
        wait_until(lambda: mesh.control_log()[log:].count("has joined") == len(runs), "workloads that are back")
        wait_until(lambda: "has not come back" in mesh.control_log() or load.total() > 50, "some requests more")
    assert "has not come back" not in mesh.control_log()
    assert load.failed() == []
