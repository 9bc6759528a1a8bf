"""The checks of circuits must fail where no circuit opens, and where nobody says why."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import trio

from hauberk_bookshop.serving import Server
from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.checks import circuits as module
from hauberk_cli.demo.checks import losses
from hauberk_cli.demo.checks.circuits import check_slow_ratings
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
    """An admin server of the caller: its circuit opens while ratings is slow, if it is to."""

    def __init__(self, demo: RunningDemo, endpoint: str, breaks: bool, why: str) -> None:
        self._slow = demo.folder.delay("ratings")
        self._endpoint = endpoint
        self._breaks = breaks
        self._why = why

    async def handle(self, request: Request) -> Response:
        state: State = "open" if self._breaks and self._slow.exists() else "closed"
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


def _workload(folder: Path, name: str) -> DemoWorkload:
    ports = WorkloadPorts("default", (PORT,), [])
    sidecar = ProxyChild(f"sidecar {name}", list, folder / "log")
    member = Member(folder, RegisterWorkload(service=name, name=name), ports, "", sidecar, lambda _: folder)
    return DemoWorkload(member, Child(name, list, folder / "log"))


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
    sidecar = _Sidecar(demo, f"{LOOPBACK}:{ratings.member.ports.inbound[PORT][0]}", breaks, why)
    listeners = await trio.open_tcp_listeners(caller.member.ports.admin, host=LOOPBACK)
    nursery.start_soon(Server(sidecar.handle).run, listeners, trio.Event())
    state = demo.folder.root / FOLDER_NAME / "proxies" / "sidecar.default.reviews-v3"
    state.mkdir(parents=True)
    document = {"role": "sidecar", "name": "reviews-v3", "admin": caller.admin}
    (state / "bootstrap.json").write_bytes(msgspec.json.encode(document))
    before = demo.folder.reviews_route.read_text()
    outcome = await check_slow_ratings(demo)
    assert outcome.passed is passed, outcome.figures
    assert demo.folder.reviews_route.read_text() == before
    assert not demo.folder.delay("ratings").exists()
