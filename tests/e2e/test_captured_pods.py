"""Captured pods under a real control: namespaces instead of a cluster, everything else as it is there."""

import signal
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest
from live_proxy import wait_until
from network_namespaces import Machine, why_impossible
from pod_programs import BANNER
from pod_world import Pod, PodWorld, ask, pod_world, wait_ready, wait_told

pytestmark = pytest.mark.e2e

BOOKS: Final = "10.96.0.20"
BOOKS_6: Final = "fd00:96::20"
WEB: Final = "10.96.0.9"
GREETED: Final = BANNER.decode()


def described(name: str, machine: Machine, addresses: str) -> str:
    """A pod with its service and slices, as the API server has them."""
    ports = {"http": 9080, "db": 3306}
    slices = "".join(
        [
            f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{port}, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [{machine.address}]}}]
ports: [{{name: {port_name}, port: {port}}}]
"""
            for port_name, port in ports.items()
        ]
    )
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIPs: [{addresses}]
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: 9080}}, {{name: db, port: 3306}}]
---
apiVersion: v1
kind: Pod
metadata:
  {{name: {name}-1, namespace: shop, labels: {{app: {name}}}, annotations: {{hauberk.dev/status: '{{"captured": {{}}}}'}}}}
spec: {{serviceAccountName: {name}, containers: [{{name: main}}]}}
status: {{phase: Running, podIP: {machine.address}, podIPs: [{{ip: {machine.address}}}, {{ip: '{machine.address6}'}}]}}
{slices}"""


STRICT_BOOKS: Final = """
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: books, namespace: shop}
spec: {selector: {matchLabels: {app: books}}, mtls: {mode: STRICT}}
"""


class Shop(NamedTuple):
    world: PodWorld
    web: Pod
    books: Pod
    stranger: Machine


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    reason = why_impossible()
    if reason:
        pytest.skip(reason)
    with pod_world() as world:
        web, books = world.pod("web"), world.pod("books")
        stranger = world.network.machine("stranger")
        world.application(stranger)
        world.apply(
            described("web", web.machine, WEB) + described("books", books.machine, f"{BOOKS}, '{BOOKS_6}'") + STRICT_BOOKS
        )
        probe = '{"/app-health/main/readyz": {"httpGet": {"port": 9080, "path": "/health"}, "timeoutSeconds": 30}}'
        books.capture()
        books.begin({"HAUBERK_PROBES": probe})
        web.begin()
        # Everything else is there, but no rule leads anybody to it.
        wait_told(web, "not ready: outbound capture:")
        wait_told(web, "inbound capture")
        web.capture()
        for pod in (web, books):
            wait_ready(pod)
        yield Shop(world, web, books, stranger)


def test_a_service_is_called_by_its_address_inside_mutual_tls(shop: Shop) -> None:
    plain, six, unknown = shop.web.ask(
        {"get": "/a", "host": BOOKS, "port": 80, "name": "books"},
        {"get": "/b", "host": BOOKS_6, "port": 80, "name": "whatever"},
        {"get": "/c", "host": BOOKS, "port": 81, "name": "books"},
    )
    assert isinstance(plain, dict)
    assert isinstance(six, dict)
    assert isinstance(unknown, dict)
    assert (plain["path"], plain["peer"], plain["fields"]["host"]) == ("/a", "::ffff:127.0.0.6", "books")
    assert (six["path"], six["peer"]) == ("/b", "::ffff:127.0.0.6")
    # The service has no such port: the request goes by the name in it.
    assert (unknown["path"], unknown["peer"]) == ("/c", "::ffff:127.0.0.6")
    identity = "spiffe://cluster.local/ns/shop/sa/"
    # An exchange is counted a moment after its answer was sent.
    names = {"source_principal": f"{identity}web", "connection_security_policy": "mutual_tls"}
    for pod, labels in ((shop.web, {"destination_principal": f"{identity}books", "reporter": "source"}), (shop.books, names)):
        wait_until(lambda: bool(pod.metrics("istio_requests_total", **labels)), lambda: f"nothing counted with {labels}")  # noqa: B023


def test_a_server_that_speaks_first_is_heard_through_both_sidecars(shop: Shop) -> None:
    lines = "".join([f"line {number}\n" for number in range(2000)])
    expected = [GREETED + "select\n1 lines\n", GREETED + lines + "2000 lines\n", "hello\n1 lines\n"]
    heard = shop.web.ask(
        {"host": BOOKS, "port": 3306, "banner": True, "lines": "select\n"},
        {"host": BOOKS, "port": 3306, "banner": True, "lines": lines},
        {"host": shop.books.machine.address, "port": 7070, "lines": "hello\n"},
    )
    assert heard == expected
    source = "spiffe://cluster.local/ns/shop/sa/web"
    # Of a connection's end both sides hear before it is counted.
    counts = {"connections_opened": 2, "received_bytes": len("select\n" + lines)}
    for name, count in counts.items():
        wait_until(lambda: _counted(shop.books, f"istio_tcp_{name}_total", source) == [count], lambda: f"{name} is not {count}")  # noqa: B023


def _counted(pod: Pod, name: str, source: str) -> list[float]:
    """Of connections from a source to the service `books`."""
    lines = pod.metrics(name, source_principal=source, destination_service_name="books")
    return [float(line.rpartition(" ")[2]) for line in lines]


def test_pods_are_called_by_their_addresses_too(shop: Shop) -> None:
    asked = []
    for address in (shop.books.machine.address, shop.books.machine.address6):
        asked += [
            {"get": "/declared", "host": address, "port": 9080},
            {"get": "/undeclared", "host": address, "port": 8080},
            {"host": address, "port": 3306, "banner": True, "lines": "x\n"},
        ]
    four, four_more, banner, six, six_more, banner_six = shop.web.ask(*asked)
    for answer, path in ((four, "/declared"), (four_more, "/undeclared"), (six, "/declared"), (six_more, "/undeclared")):
        assert isinstance(answer, dict)
        assert answer["path"] == path
        assert answer["peer"] in {"::ffff:127.0.0.6", "::6"}
    assert banner == banner_six == GREETED + "x\n1 lines\n"


def test_a_workload_calls_itself(shop: Shop) -> None:
    by_service, by_address = shop.web.ask(
        {"get": "/me", "host": WEB, "port": 80}, {"get": "/me", "host": shop.web.machine.address, "port": 9080}
    )
    assert isinstance(by_service, dict)
    assert isinstance(by_address, dict)
    assert by_service["peer"] == "::ffff:127.0.0.6"
    # Processes of one pod need nobody between them.
    assert by_address["peer"] == f"::ffff:{shop.web.machine.address}"


def test_strict_resets_whoever_is_not_of_the_mesh(shop: Shop) -> None:
    address = shop.books.machine.address
    answers = ask(
        shop.stranger,
        {"get": "/", "host": address, "port": 9080},
        {"get": "/", "host": address, "port": 8080},
        {"host": address, "port": 3306, "lines": "select\n"},
        {"get": "/app-health/main/readyz", "host": address, "port": 15020},
    )
    assert answers == ["reset", "reset", "reset", {"status": 200, "reason": None}]


def test_permissive_takes_strangers_also_where_the_server_speaks_first(shop: Shop) -> None:
    address = shop.web.machine.address
    plain, banner = ask(
        shop.stranger,
        {"get": "/", "host": address, "port": 9080},
        {"host": address, "port": 3306, "banner": True, "lines": "select\n"},
    )
    assert isinstance(plain, dict)
    assert plain["peer"] == "::ffff:127.0.0.6"
    assert banner == GREETED + "select\n1 lines\n"


def test_what_the_mesh_does_not_know_is_called_as_it_is(shop: Shop) -> None:
    address = shop.stranger.address
    plain, banner, nobody = shop.web.ask(
        {"get": "/", "host": address, "port": 9080},
        {"host": address, "port": 3306, "banner": True, "lines": "select\n"},
        {"get": "/", "host": address, "port": 9999},
    )
    assert isinstance(plain, dict)
    assert plain["peer"] == f"::ffff:{shop.web.machine.address}"
    assert banner == GREETED + "select\n1 lines\n"
    assert nobody == {"status": 503, "reason": "connect_failed"}


def test_the_proxys_own_ports_lead_nowhere(shop: Shop) -> None:
    address = shop.web.machine.address
    answers = ask(
        shop.stranger,
        {"get": "/config_dump", "host": address, "port": 15000},
        {"get": "/", "host": address, "port": 15001},
        {"get": "/", "host": address, "port": 15006},
    )
    # On loopback alone; back to where it was led from, which is reset; and to where it was led to.
    assert answers == ["ECONNREFUSED", {"status": 502, "reason": "upstream_reset"}, "reset"]


def test_a_sidecar_ends_when_it_is_told_to(shop: Shop) -> None:
    late = shop.world.pod("late")
    late.capture()
    late.begin()
    wait_ready(late)
    late.sidecar.send_signal(signal.SIGTERM)
    assert late.sidecar.wait(60) == 0
