"""Certificates of ten seconds in a mesh under load: they are renewed again and again, and nobody notices."""

import datetime as dt
import ssl
import time
from collections.abc import Iterator

import pytest
from bookshop_mesh import bookshop_mesh, route, service, write_bookshop
from endurance import lasting
from laptop_mesh import Mesh, wait_until
from load_client import Load
from mesh_wire import HeldConnection, Shown, Watch, peer_context, witness

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

LIFE_SECONDS = 10.0
# Renewal falls within a tenth of a life to either side of its half; a machine may be late by another tenth.
SHORTEST_TURN = 0.4 * LIFE_SECONDS
LONGEST_TURN = 0.7 * LIFE_SECONDS
SIDECARS = ("reviews-v2", "reviews-v3", "ratings")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("rotation") / "mesh"
    write_bookshop(folder)
    (folder / "witness.yaml").write_text(service("witness"))
    (folder / "witness-route.yaml").write_text(route("witness"))
    with bookshop_mesh(folder, "--validity", f"{LIFE_SECONDS:.0f}s") as running:
        yield running


def test_certificates_are_renewed_under_load_without_an_error(mesh: Mesh) -> None:
    seconds = lasting(300, 3 * LIFE_SECONDS)
    caller = peer_context(mesh.folder, ssl.PROTOCOL_TLS_CLIENT, "somebody")
    ports = {name: mesh.proxy("sidecar", name).inbound_port(9080) for name in SIDECARS}
    gateway = mesh.proxy("gateway", "bookshop")
    with witness(mesh.folder) as watched:
        wait_until(lambda: mesh.get("/witness/x").status == 200, "the witness's answer")
        # Opened with the certificates of the start, and used until the end.
        held = {name: HeldConnection(caller, port) for name, port in ports.items()}
        with (
            Watch(caller, ports) as watch,
            Load(mesh.gateway_port, "/reviews/0", clients=2, fresh=1, pause=0.05) as load,
            # The witness ends each connection, so that the gateway shows its certificate each time.
            Load(mesh.gateway_port, "/witness/x", clients=1, pause=0.1) as witnessed,
        ):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for name, connection in held.items():
                    path = "/ratings/0" if name == "ratings" else "/reviews/0"
                    assert connection.ask(name, path) == 200
                time.sleep(0.5)
        for connection in held.values():
            connection.close()
        assert watched.problems() == []
        callers = [shown for shown in watched.callers() if shown.seen >= held["ratings"].shown.seen]
    assert load.failed() == []
    assert witnessed.failed() == []
    assert min(load.total(), witnessed.total()) > seconds
    assert watch.problems == []
    for name in SIDECARS:
        _check_turns(name, watch.seen[name])
        assert held[name].shown.serial not in {shown.serial for shown in watch.seen[name][-3:]}
    _check_turns("gateway", callers)
    # The gateway's own connections to its neighbours are kept over renewals.
    assert len(callers) > len({shown.serial for shown in callers})
    assert gateway.is_ready()


def _check_turns(name: str, shown: list[Shown]) -> None:
    """None had ended, or was another's; and there were as many as the time asks for."""
    assert [each for each in shown if not each.was_valid()] == [], name
    assert len({each.names for each in shown}) == 1, name
    serials = list(dict.fromkeys(each.serial for each in shown))
    assert [each.serial for each in shown] == sorted([each.serial for each in shown], key=serials.index), (
        f"{name}: an old one came back"
    )
    watched = (shown[-1].seen - shown[0].seen) / dt.timedelta(seconds=1)
    turns = len(serials) - 1
    assert watched / LONGEST_TURN - 1 <= turns <= watched / SHORTEST_TURN + 1, f"{name}: {turns} renewals in {watched:.0f} s"
    print(f"{name}: {turns} renewals in {watched:.0f} s, {len(shown)} handshakes")  # noqa: T201
