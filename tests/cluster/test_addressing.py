"""However a captured pod names whom it calls, it reaches them inside mutual TLS; and what it reaches beyond the mesh.

The namespace is STRICT: an answer at all means that the call was of the mesh.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import kubectl
import pytest
from cluster_pods import STRICT, ask, container, pod, pod_address, programs, service
from cluster_shop import wait_rolled_out
from kubectl import namespace as made_namespace
from laptop_mesh import wait_until
from pod_programs import BANNER

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PATIENCE: Final = 180.0
WEB: Final = 9080
DATABASE: Final = 3306
SILENT: Final = 7070
LEFT_OUT: Final = 8080
"""Of what the application serves, the port that capture leaves to it."""
PROXIED: Final = "::ffff:127.0.0.6"
"""Whom an application takes for its caller where its sidecar is."""
GREETED: Final = BANNER.decode()
BOOKS: Final = {"app": "books"}
PEERS: Final = {"app": "peers"}
STRANGER: Final = {"app": "stranger"}
PORTS: Final = [{"name": "http", "port": 80, "targetPort": WEB}, {"name": "db", "port": DATABASE}]


class Pods(NamedTuple):
    """The namespaces and who is in them."""

    mesh: str
    outside: str
    books: str
    """The address of a pod."""
    stranger: str
    """The address of a pod without sidecar."""

    def ask(self, *what: dict[str, object]) -> list[object]:
        """Ask from a StatefulSet's first pod."""
        return ask(self.mesh, "peers-0", *what)


def _workload(kind: str, name: str, labels: dict[str, str], **more: object) -> dict[str, object]:
    ready = container(readinessProbe={"tcpSocket": {"port": SILENT}, "periodSeconds": 1, "timeoutSeconds": 10})
    annotations = {"traffic.sidecar.istio.io/excludeInboundPorts": str(LEFT_OUT)}
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod(ready)}
    spec = {"selector": {"matchLabels": labels}, "template": template, **more}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _outbound(mode: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "default"},
        "spec": {"outboundTrafficPolicy": {"mode": mode}},
    }


@pytest.fixture(scope="module")
def pods(installed: str) -> Iterator[Pods]:
    with made_namespace({"istio-injection": "enabled"}) as mesh, made_namespace({}) as outside:
        kubectl.apply(
            mesh,
            STRICT,
            programs(),
            _workload("Deployment", "books", BOOKS),
            service("books", {"selector": BOOKS, "ports": PORTS}),
            service("each-books", {"selector": BOOKS, "clusterIP": "None", "ports": [{"name": "http", "port": WEB}]}),
            service("alias", {"type": "ExternalName", "externalName": f"books.{mesh}.svc.cluster.local"}),
            service("abroad", {"type": "ExternalName", "externalName": f"stranger.{outside}.svc.cluster.local"}),
            _workload("StatefulSet", "peers", PEERS, serviceName="peers", replicas=2, podManagementPolicy="Parallel"),
            service("peers", {"selector": PEERS, "clusterIP": "None", "ports": [{"name": "http", "port": WEB}]}),
        )
        kubectl.apply(
            outside,
            programs(),
            _workload("Deployment", "stranger", STRANGER),
            service("stranger", {"selector": STRANGER, "ports": PORTS}),
        )
        wait_rolled_out(outside, ["stranger"])
        wait_rolled_out(mesh, ["books"])
        done = kubectl.kubectl("rollout", "status", "statefulset/peers", "-n", mesh, f"--timeout={PATIENCE:.0f}s")
        assert done.code == 0, done.err
        pods = Pods(mesh, outside, pod_address(mesh, "app=books"), pod_address(outside, "app=stranger"))
        asked = {"get": "/", "host": f"books.{mesh}", "port": 80}
        peer = {"get": "/", "host": f"peers-1.peers.{mesh}", "port": WEB}
        wait_until(lambda: ask(outside, "deployment/stranger", asked, peer) == ["reset"] * 2, "STRICT everywhere", PATIENCE)
        for asker in ("deployment/books", "peers-0"):
            wait_until(lambda: _knows_all(mesh, asker, pods.books), f"the mesh's word of all pods at {asker}", PATIENCE)  # noqa: B023
        yield pods


def _knows_all(mesh: str, asker: str, books: str) -> bool:
    """Whether a pod reaches every other one inside the mesh."""
    named = [("books", 80), (books, WEB), ("each-books", WEB), ("alias", 80), ("peers-1.peers", WEB)]
    if asker == "deployment/books":
        named = [("books", 80), ("peers-0.peers", WEB), ("peers-1.peers", WEB)]
    return set(map(str, _peers(ask(mesh, asker, *[{"get": "/", "host": host, "port": port} for host, port in named])))) == {
        PROXIED
    }


def _peers(answers: list[object]) -> list[object]:
    """Whom applications took for their callers; an answer that is none of theirs stays as it is."""
    return [answer.get("peer", answer) if isinstance(answer, dict) else answer for answer in answers]


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("books", 80),
        ("books.{mesh}.svc.cluster.local", 80),
        ("{books}", WEB),
        ("each-books", WEB),
        ("alias", 80),
        ("peers-1.peers", WEB),
    ],
)
def test_a_workload_is_reached_inside_the_mesh(pods: Pods, host: str, port: int) -> None:
    name = host.format(mesh=pods.mesh, books=pods.books)
    assert _peers(pods.ask({"get": "/", "host": name, "port": port})) == [PROXIED]


def test_a_server_that_speaks_first_is_heard(pods: Pods) -> None:
    spoken = {"banner": True, "lines": "select\n"}
    answers = pods.ask({"host": "books", "port": DATABASE, **spoken}, {"host": pods.books, "port": DATABASE, **spoken})
    assert answers == [GREETED + "select\n1 lines\n"] * 2


def test_a_workload_calls_itself(pods: Pods) -> None:
    own = pod_address(pods.mesh, "statefulset.kubernetes.io/pod-name=peers-0")
    by_name, by_address = pods.ask({"get": "/", "host": "peers-0.peers", "port": WEB}, {"get": "/", "host": own, "port": WEB})
    # Processes of one pod need nobody between them.
    assert _peers([by_name, by_address]) == [f"::ffff:{own}"] * 2
    assert _peers(ask(pods.mesh, "deployment/books", {"get": "/", "host": "books", "port": 80})) == [PROXIED]


def test_strict_resets_strangers_however_they_name_a_workload(pods: Pods) -> None:
    named = [("books", 80), ("each-books", WEB), ("peers-1.peers", WEB)]
    asked: list[dict[str, object]] = [{"get": "/", "host": f"{name}.{pods.mesh}", "port": port} for name, port in named]
    asked += [{"get": "/", "host": pods.books, "port": WEB}, {"host": pods.books, "port": DATABASE, "lines": "select\n"}]
    assert ask(pods.outside, "deployment/stranger", *asked) == ["reset"] * len(asked)


def test_a_port_that_capture_leaves_out_answers_everybody_in_the_clear(pods: Pods) -> None:
    asked: dict[str, object] = {"get": "/", "host": pods.books, "port": LEFT_OUT}
    mine = pod_address(pods.mesh, "statefulset.kubernetes.io/pod-name=peers-0")
    assert _peers(ask(pods.outside, "deployment/stranger", asked)) == [f"::ffff:{pods.stranger}"]
    assert _peers(pods.ask(asked)) == [f"::ffff:{mine}"]


def test_beyond_the_mesh_policy_decides(pods: Pods) -> None:
    known: list[dict[str, object]] = [
        {"get": "/", "host": f"stranger.{pods.outside}", "port": 80},
        {"get": "/", "host": "abroad", "port": 80},
    ]
    unknown: list[dict[str, object]] = [
        {"get": "/", "host": pods.stranger, "port": WEB},
        {"host": pods.stranger, "port": SILENT, "lines": "hello\n"},
    ]
    refused = [{"status": 502, "reason": "not_registered"}, "reset"]
    own = f"::ffff:{pod_address(pods.mesh, 'statefulset.kubernetes.io/pod-name=peers-0')}"
    assert _peers(pods.ask(*known, *unknown)) == [own, own, own, "hello\n1 lines\n"]
    kubectl.apply(pods.mesh, _outbound("REGISTRY_ONLY"))
    try:
        wait_until(lambda: pods.ask(*unknown) == refused, "an end of what the mesh does not know", PATIENCE)
        assert _peers(pods.ask(*known)) == [own, own]
        kubectl.apply(pods.mesh, _outbound("ALLOW_ANY"))
        wait_until(lambda: _peers(pods.ask(*unknown)) == [own, "hello\n1 lines\n"], "the way out again", PATIENCE)
    finally:
        kubectl.kubectl("delete", "sidecars.networking.istio.io", "default", "-n", pods.mesh)
