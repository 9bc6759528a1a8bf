"""`python -m bench.cluster`: measure the hauberk that is installed in the cluster of KUBECONFIG."""

import argparse
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import machine
from bench.cluster import objects
from bench.cluster.cluster import BenchFailed, Cluster, processes_of
from bench.cluster.figures import Report, Series, all_met, page, raw
from bench.cluster.measures import (
    CONTROL_MIB,
    GATEWAY_MIB,
    SIDECAR_MIB,
    measure_changes,
    measure_gateways,
    measure_memory,
    rest,
)
from hauberk_control.kubernetes.client import open_client
from hauberk_control.kubernetes.errors import ApiError, NoCluster

_PARTS: Final = ("changes", "gateways", "memory")


def measure(cluster: Cluster, given: argparse.Namespace) -> Iterator[Series]:
    """All that is asked for. Raises: BenchFailed, ApiError."""
    control = cluster.ready_pods(given.control_namespace, "app=hauberk-control")
    with cluster.namespace({"istio-injection": "enabled"}) as namespace:
        cluster.create(objects.collection(namespace, "httproutes"), objects.redirecting_route("changed", "bench", "first"))
        cluster.create(objects.collection(namespace, "gateways"), objects.gateway("bench", given.gateway_class))
        gateways = cluster.ready_pods(namespace, "gateway.networking.k8s.io/gateway-name=bench")
        if "memory" in given.only:
            cluster.create(f"/api/v1/namespaces/{namespace}/pods", objects.workload("details", given.workload_image))
            workloads = cluster.ready_pods(namespace, "app=details")
            rest()
            yield from measure_memory("control", control, CONTROL_MIB)
            yield from measure_memory("a gateway's pod", gateways, GATEWAY_MIB)
            yield from measure_memory("a sidecar", workloads, SIDECAR_MIB)
        if "changes" in given.only:
            pids = processes_of(control)
            yield from measure_changes(cluster, namespace, "bench", given.changes, 0, pids)
            if given.routes:
                yield from measure_changes(cluster, namespace, "bench", given.changes, given.routes, pids)
        if "gateways" in given.only:
            yield from measure_gateways(cluster, namespace, given.gateway_class, given.gateways)


def main() -> int:
    """Measure, print and keep. Returns: 1 if a bar is missed; 2 if something could not be measured."""
    options = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--changes", type=int, default=20, help="of a route (20)")
    options.add_argument(
        "--routes", type=int, default=500, help="others on the gateway, when changes are measured a second time (500)"
    )
    options.add_argument("--gateways", type=int, default=5, help="to be made (5)")
    options.add_argument("--only", action="append", choices=_PARTS, help="default: all")
    options.add_argument("--gateway-class", default="hauberk")
    options.add_argument("--control-namespace", default="hauberk-system")
    options.add_argument("--workload-image", default="localhost/hauberk-bookshop:dev")
    options.add_argument("--results", type=Path, help="the folder where JSON and page are kept; default: only print")
    given = options.parse_args()
    given.only = given.only or list(_PARTS)
    started = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = machine.facts()
    series: list[Series] = []
    status = 0
    try:
        for one in measure(Cluster(open_client()), given):
            series.append(one)
            print(f"{one.name}: {', '.join(f'{value:.1f}' for value in one.values)} {one.unit}", file=sys.stderr, flush=True)
    except (BenchFailed, ApiError, NoCluster) as error:
        print(f"could not be measured: {error}", file=sys.stderr)
        status = 2
    facts["load average at the end"] = " ".join(Path("/proc/loadavg").read_text().split()[:3])
    report = Report(started, facts, tuple(series))
    print(page(report))
    if given.results is not None and status == 0:
        given.results.mkdir(parents=True, exist_ok=True)
        (given.results / "cluster.md").write_text(page(report), encoding="utf-8")
        (given.results / "cluster.json").write_text(raw(report), encoding="utf-8")
    return status or int(not all_met(series))


if __name__ == "__main__":
    sys.exit(main())
