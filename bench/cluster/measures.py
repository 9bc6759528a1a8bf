"""What is measured, each by a function that gives series of figures."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Final

from bench import machine
from bench.cluster import objects
from bench.cluster.cluster import BenchFailed, Cluster, Manifest, is_hauberk, processes_of, wait_for
from bench.cluster.figures import MEBIBYTE, Series
from bench.cluster.prober import Prober

# Envoy Gateway's figures, with Envoy as its proxy, in a cluster of one node with two cores.
CHANGE_MEDIAN_MS: Final = 11.0
CHANGE_MOST_MS: Final = 24.0
CONTROL_MIB: Final = 112e6 / MEBIBYTE
GATEWAY_MIB: Final = 65e6 / MEBIBYTE
# What a person who makes a Gateway is to wait at most.
ADDRESS_MS: Final = 1000.0
SERVING_MS: Final = 5000.0
# What Istio publishes for its sidecar.
SIDECAR_MIB: Final = 60.0

# Between two changes, so that each is seen for itself: what follows from one, as its status, has then been done.
_PAUSE_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 60.0
# Everything that is done once or seldom has then been done.
_REST_SECONDS: Final = 15.0


def measure_changes(
    cluster: Cluster, namespace: str, gateway: str, changes: int, others: int, control: Sequence[int]
) -> Iterator[Series]:
    """Change one route of a gateway that serves, again and again.

    Args: others - routes of that gateway which do not change; control - the processes of control. Raises: BenchFailed.
    """
    routes = objects.collection(namespace, "httproutes")
    with Prober(_address(cluster, namespace, gateway), 80, objects.HOST) as prober:
        prober.wait_for(b".example", _ANSWER_SECONDS)
        if others:
            _add_others(cluster, namespace, gateway, others)
            time.sleep(_REST_SECONDS)
        delays: list[float] = []
        costs: list[float] = []
        for number in range(changes):
            time.sleep(_PAUSE_SECONDS)
            used = machine.family_cpu_seconds(list(control))
            patch = json.dumps({"spec": {"rules": objects.redirecting_rules(f"change-{others}-{number}")}}).encode()
            answered = cluster.change(f"{routes}/changed", patch)
            delays.append(1000 * (prober.wait_for(f"change-{others}-{number}.".encode(), _ANSWER_SECONDS) - answered))
            # Of statuses, which follow, too.
            time.sleep(_PAUSE_SECONDS)
            costs.append(1000 * (machine.family_cpu_seconds(list(control)) - used))
    among = f" among {others + 1} routes" if others else ""
    bars = (CHANGE_MEDIAN_MS, CHANGE_MOST_MS) if not others else (None, None)
    yield Series(f"a changed route{among}: from the API's answer to the first request that shows it", "ms", tuple(delays), *bars)
    if control:
        yield Series(f"a changed route{among}: CPU of control, status included", "ms", tuple(costs))


def measure_gateways(cluster: Cluster, namespace: str, gateway_class: str, times: int) -> Iterator[Series]:
    """Make Gateways, each with a route, and remove them again. Raises: BenchFailed."""
    addressed: list[float] = []
    served: list[float] = []
    for number in range(times):
        name = f"new-{number}"
        route = objects.collection(namespace, "httproutes")
        cluster.create(route, objects.redirecting_route(name, name, name))
        path = objects.collection(namespace, "gateways")
        cluster.create(path, objects.gateway(name, gateway_class))
        made = time.perf_counter()
        address = _address(cluster, namespace, name)
        addressed.append(1000 * (time.perf_counter() - made))
        with Prober(address, 80, objects.HOST) as prober:
            served.append(1000 * (prober.wait_for(f"{name}.example".encode(), _ANSWER_SECONDS) - made))
        cluster.delete(f"{path}/{name}")
        cluster.delete(f"{route}/{name}")
        time.sleep(_PAUSE_SECONDS)
    yield Series("a new Gateway: to its address", "ms", tuple(addressed), None, ADDRESS_MS)
    yield Series("a new Gateway: to its first answered request", "ms", tuple(served), None, SERVING_MS)


def measure_memory(what: str, pods: Sequence[Manifest], bar: float) -> Iterator[Series]:
    """Memory of hauberk's processes in each of some pods. Raises: BenchFailed if they do not run on this machine."""
    of_pods = [[pid for pid in processes_of([pod]) if is_hauberk(pid)] for pod in pods]
    if not all(of_pods):
        raise BenchFailed(f"no process of {what} is on this machine: run where the cluster's node is")
    taken = [machine.memory_of(pids) for pids in of_pods]
    # Of several processes the pages that they share count once: RSS has them once for each.
    yield Series(f"memory at rest: {what}, PSS", "MiB", tuple([one.pss / MEBIBYTE for one in taken]), bar)
    yield Series(f"memory at rest: {what}, RSS", "MiB", tuple([one.rss / MEBIBYTE for one in taken]))


def rest() -> None:
    """Wait until what was started has come to rest."""
    time.sleep(_REST_SECONDS)


def _add_others(cluster: Cluster, namespace: str, gateway: str, others: int) -> None:
    cluster.create(f"/api/v1/namespaces/{namespace}/services", objects.service("nobody"))
    for number in range(others):
        cluster.create(objects.collection(namespace, "httproutes"), objects.other_route(number, gateway, "nobody"))


def _address(cluster: Cluster, namespace: str, gateway: str) -> str:
    """Where a Gateway is reached, once its status says so."""

    def look() -> str:
        found = cluster.get(f"{objects.collection(namespace, 'gateways')}/{gateway}")
        addresses = found.get("status", {}).get("addresses", [])
        return str(addresses[0]["value"]) if addresses else ""

    return wait_for(look, f"address of the Gateway {gateway}")
