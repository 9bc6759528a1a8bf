"""Probes of every kind lead to the application though its port is STRICT, and say the truth of it."""

from collections.abc import Iterator
from typing import Final

import kubectl
import pytest
from cluster_pods import CONTAINER, PROGRAM, STRICT, container, pod, programs
from kubectl import namespace as made_namespace
from laptop_mesh import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PATIENCE: Final = 180.0
# Says SERVING to whoever asks for the health of anything.
GRPC_HEALTH: Final = """
import concurrent.futures, grpc
check = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\\x08\\x01")
server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})])
assert server.add_insecure_port("[::]:50051") == 50051
server.start()
server.wait_for_termination()
"""
# One failure restarts the container; a loaded machine gets its time.
UNFORGIVING: Final = {"periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 1}
STARTING: Final = {"periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 120}


@pytest.fixture(scope="module")
def strict(installed: str) -> Iterator[str]:
    """A namespace where nobody answers plaintext."""
    with made_namespace({"istio-injection": "enabled"}) as namespace:
        kubectl.apply(namespace, STRICT, programs())
        yield namespace


def _pod(name: str, *containers: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod(*containers)}


def test_a_healthy_pod_is_ready_by_probes_of_every_kind(strict: str) -> None:
    http, tcp = {"httpGet": {"path": "/", "port": 9080}}, {"tcpSocket": {"port": 7070}}
    command, grpc = {"exec": {"command": ["test", "-f", PROGRAM]}}, {"grpc": {"port": 50051}}
    web = container(startupProbe=http | STARTING, livenessProbe=http | UNFORGIVING, readinessProbe=command | UNFORGIVING)
    database = container("sleep", "infinity", name="database", startupProbe=tcp | STARTING, livenessProbe=tcp | UNFORGIVING)
    # The image that has grpcio, as another user than the proxy.
    health = container(
        "python", "-c", GRPC_HEALTH, name="health", of="hauberk-proxy",
        startupProbe=grpc | STARTING, livenessProbe=grpc | UNFORGIVING, readinessProbe=grpc | UNFORGIVING,
    )  # fmt: skip
    kubectl.apply(strict, _pod("healthy", web, database, health))
    done = kubectl.kubectl("wait", "pod/healthy", "-n", strict, "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s")
    assert done.code == 0, done.err
    (made,) = kubectl.kubectl("get", "pod", "healthy", "-n", strict, "-o", "json").objects()
    statuses = {each["name"]: each for each in made["status"]["containerStatuses"]}
    assert set(statuses) == {CONTAINER, "database", "health"}
    assert all(each["ready"] and each["started"] and each["restartCount"] == 0 for each in statuses.values()), statuses


def test_an_unhealthy_one_is_not(strict: str) -> None:
    failing: dict[str, dict[str, object]] = {
        "http": {"httpGet": {"path": "/", "port": 7}},
        "tcp": {"tcpSocket": {"port": 6}},
        "grpc": {"grpc": {"port": 9080}},
        "exec": {"exec": {"command": ["test", "-f", "/nowhere"]}},
    }
    containers = [
        container(*(() if name == "grpc" else ("sleep", "infinity")), name=name, readinessProbe=probe | UNFORGIVING)
        for name, probe in failing.items()
    ]
    kubectl.apply(strict, _pod("unhealthy", *containers))
    expected = {f"spec.containers{{{name}}}" for name in failing}
    wait_until(lambda: _unhealthy(strict, "unhealthy") >= expected, "events of every failing probe", PATIENCE)
    (made,) = kubectl.kubectl("get", "pod", "unhealthy", "-n", strict, "-o", "json").objects()
    assert not any(each["ready"] for each in made["status"]["containerStatuses"])


def _unhealthy(namespace: str, name: str) -> set[str]:
    """The containers of a pod whose probes have failed, as events name them."""
    selector = f"--field-selector=reason=Unhealthy,involvedObject.name={name}"
    (told,) = kubectl.kubectl("get", "events", "-n", namespace, selector, "-o", "json").objects()
    return {event["involvedObject"]["fieldPath"] for event in told["items"]}
