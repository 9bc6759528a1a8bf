"""The checks of circuits must fail where no circuit opens, where nobody says why, and where nobody comes back."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

import msgspec
import pytest
import trio

from hauberk_bookshop.serving import Server
from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.checks import circuits as module
from hauberk_cli.demo.checks import losses
from hauberk_cli.demo.checks.circuits import check_reviews_killed, check_slow_ratings
from hauberk_cli.demo.descendants import is_running
from hauberk_cli.demo.running import PORT, DemoWorkload, RunningDemo
from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_cli.mesh.processes import Child
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.workload import Member
from hauberk_cli.mesh.workload_ports import WorkloadPorts
from hauberk_control.local.messages import FOLDER_NAME, RegisterWorkload
from hauberk_core.model.circuit import Circuits, EndpointCircuit, State, Trip

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]


async def _shop(request: Request) -> Response:
    return Response(200, b"{}", headers=(("reviews-version", "v3"),))


class _Sidecar:
    """An admin server of a caller: the circuit of one endpoint is open while `is_open` says so."""

    def __init__(self, endpoint: DemoWorkload, is_open: Callable[[], bool], why: str = "") -> None:
        self._endpoint = f"{LOOPBACK}:{endpoint.member.ports.inbound[PORT][0]}"
        self._is_open = is_open
        self._why = why

    async def handle(self, request: Request) -> Response:
        state: State = "open" if self._is_open() else "closed"
        one = EndpointCircuit(
            cluster="ratings",
            endpoint=self._endpoint,
            state=state,
            open_seconds=0.0,
            active=0,
            consecutive_5xx=0,
            consecutive_gateway=0,
            consecutive_local=0,
            ejections=0,
            ejections_5xx=0,
            ejections_gateway=0,
            ejections_local=0,
            ejections_probe=0,
            tripped=Trip(at=0.0, why=self._why),
        )
        return Response(200, msgspec.json.encode(Circuits(endpoints=(one,))))


async def _serve_admin(nursery: trio.Nursery, caller: DemoWorkload, sidecar: _Sidecar) -> None:
    listeners = await trio.open_tcp_listeners(caller.member.ports.admin, host=LOOPBACK)
    nursery.start_soon(Server(sidecar.handle).run, listeners, trio.Event())


def _workload(folder: Path, name: str, program: Sequence[str] = ()) -> DemoWorkload:
    ports = WorkloadPorts("default", (PORT,), [])
    sidecar = ProxyChild(f"sidecar {name}", list, folder / "log")
    member = Member(folder, RegisterWorkload(service=name, name=name), ports, "", sidecar, lambda _: folder)
    return DemoWorkload(member, Child(name, lambda: program, folder / "log", first_pause=0.01))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come is not waited for long, and nobody speaks TLS."""
    original = RunningDemo.service
    monkeypatch.setattr(RunningDemo, "service", lambda demo, *, tls=False, retry=True: original(demo, tls=False, retry=retry))
    monkeypatch.setattr(module, "WITNESSES", 12)


@pytest.mark.parametrize(
    ("breaks", "why", "passed"),
    [(True, "5 in a row (consecutiveGatewayErrors)", True), (True, "no idea", False), (False, "5 in a row", False)],
)
async def test_slow_ratings(
    make_demo: MakeDemo, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, breaks: bool, why: str, passed: bool
) -> None:
    if not breaks:
        monkeypatch.setattr(losses, "BACK_SECONDS", 0.3)
    demo = await make_demo(_shop)
    for name in ("reviews-v3", "ratings"):
        demo.workloads[name] = _workload(demo.folder.root, name)
    caller, ratings = demo.workloads["reviews-v3"], demo.workloads["ratings"]
    await _serve_admin(nursery, caller, _Sidecar(ratings, lambda: breaks and demo.folder.delay("ratings").exists(), why))
    state = demo.folder.root / FOLDER_NAME / "proxies" / "sidecar.default.reviews-v3"
    state.mkdir(parents=True)
    document = {"role": "sidecar", "name": "reviews-v3", "node": {"namespace": "default"}, "admin": caller.admin}
    (state / "bootstrap.json").write_bytes(msgspec.json.encode(document))
    before = demo.folder.reviews_route.read_text()
    outcome = await check_slow_ratings(demo)
    assert outcome.passed is passed, outcome.figures
    assert demo.folder.reviews_route.read_text() == before
    assert not demo.folder.delay("ratings").exists()


@pytest.mark.parametrize(
    ("ejects", "returns", "passed"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
async def test_a_killed_reviews(
    make_demo: MakeDemo, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, ejects: bool, returns: bool, passed: bool
) -> None:
    if not ejects:
        monkeypatch.setattr(losses, "BACK_SECONDS", 0.3)
    turns = count()
    first: list[int] = []

    def is_alive() -> bool:
        program = demo.workloads["reviews-v2"].program
        first[:] = first or [program.pid]
        return is_running(program.pid) and (returns or program.pid == first[0])

    async def shop(request: Request) -> Response:
        versions = ("v1", "v2", "v3") if is_alive() else ("v1", "v3")
        return Response(200, b"{}", headers=(("reviews-version", versions[next(turns) % len(versions)]),))

    demo = await make_demo(shop)
    for name in ("productpage", "reviews-v2"):
        demo.workloads[name] = _workload(demo.folder.root, name, ("sleep", "600"))
    caller, victim = demo.workloads["productpage"], demo.workloads["reviews-v2"]
    await _serve_admin(nursery, caller, _Sidecar(victim, lambda: ejects and not is_alive()))
    await nursery.start(victim.program.keep)
    if not returns:
        monkeypatch.setattr(module, "SEEN_SECONDS", 2.0)
    before = demo.folder.reviews_route.read_text()
    outcome = await check_reviews_killed(demo)
    assert outcome.passed is passed, outcome.figures
    assert demo.folder.reviews_route.read_text() == before
