"""The agent's end of what its workers share: it makes the file, clears the rows of the dead, and reads circuits out of it."""

import os
import time
from typing import Final

from hauberk_core.agent.memory_file import memory_file
from hauberk_core.model.circuit import (
    NANOSECONDS,
    Circuits,
    ClusterCircuit,
    EndpointCircuit,
    decode_told,
    read_cluster,
    read_endpoint,
)
from hauberk_core.model.health import EndpointHealth, decode_check, read_health
from hauberk_core.observe.cells_reader import Reading, Series
from hauberk_core.observe.metrics import CIRCUIT, HEALTH
from hauberk_core.observe.shared_cells import SharedCells, create_shared_cells


class SharedMemory:
    """The file, for as long as the agent lives."""

    def __init__(self, workers: int) -> None:
        """Make it. Raises: OSError."""
        self.descriptor: Final = memory_file("hauberk-shared")
        """To be handed to every worker."""
        create_shared_cells(self.descriptor, workers)
        self._cells: Final = SharedCells(self.descriptor, 0)

    def clear(self, worker: int) -> None:
        """A worker of this number has died, or is about to start."""
        self._cells.clear_worker(worker)

    def close(self) -> None:
        """No worker runs, and none is to be started any more."""
        self._cells.close()
        os.close(self.descriptor)

    def circuits(self) -> Circuits:
        """Every circuit, by cluster and endpoint."""
        now = int(time.monotonic() * NANOSECONDS)
        clusters: list[ClusterCircuit] = []
        endpoints: list[EndpointCircuit] = []
        checks: list[EndpointHealth] = []
        for record in self._cells.in_use():
            text = record.text()
            told = decode_told(text)
            if told is None:
                checked = decode_check(text)
                if checked is not None:
                    checks.append(read_health(checked, record.common.tolist(), now))
                continue
            rows = [row.tolist() for row in (record.own, *record.others)]
            if told.endpoint:
                endpoints.append(read_endpoint(told, rows, record.common.tolist(), now))
            else:
                clusters.append(read_cluster(told, rows, record.folded.tolist()))
        clusters.sort(key=lambda circuit: circuit.cluster)
        endpoints.sort(key=lambda circuit: (circuit.cluster, circuit.endpoint))
        checks.sort(key=lambda check: (check.cluster, check.endpoint))
        return Circuits(clusters=tuple(clusters), endpoints=tuple(endpoints), checks=tuple(checks))

    def reading(self) -> Reading:
        """The same as counters."""
        circuits = self.circuits()
        of: dict[str, list[EndpointCircuit]] = {}
        for endpoint in circuits.endpoints:
            of.setdefault(endpoint.cluster, []).append(endpoint)
        checks: dict[str, list[EndpointHealth]] = {}
        for check in circuits.checks:
            checks.setdefault(check.cluster, []).append(check)
        series = [_series(cluster, of.get(cluster.cluster, [])) for cluster in circuits.clusters]
        return Reading([*series, *[_health_series(cluster, found) for cluster, found in checks.items()]], 0)


def _series(cluster: ClusterCircuit, endpoints: list[EndpointCircuit]) -> Series:
    limits = cluster.limits
    values = [
        cluster.connection_overflows,
        cluster.waiting_overflows,
        cluster.request_overflows,
        cluster.retry_overflows,
        sum([endpoint.ejections for endpoint in endpoints]),
        sum([endpoint.ejections_5xx for endpoint in endpoints]),
        sum([endpoint.ejections_gateway for endpoint in endpoints]),
        sum([endpoint.ejections_local for endpoint in endpoints]),
        sum([endpoint.ejections_probe for endpoint in endpoints]),
        cluster.ejection_overflows,
        sum([endpoint.state != "closed" for endpoint in endpoints]),
        _is_open(cluster.connections, limits.connections),
        _is_open(cluster.waiting, limits.waiting),
        _is_open(cluster.requests, limits.requests),
        _is_open(cluster.retries, limits.retries),
    ]
    return Series(CIRCUIT, (cluster.cluster,), values)


def _health_series(cluster: str, checks: list[EndpointHealth]) -> Series:
    made = sum([check.checks for check in checks])
    failed = sum([check.failures for check in checks])
    values = [
        made,
        made - failed,
        failed,
        sum([check.changes for check in checks]),
        sum([check.state == "healthy" for check in checks]),
        sum([check.state == "unhealthy" for check in checks]),
    ]
    return Series(HEALTH, (cluster,), values)


def _is_open(used: int, limit: int | None) -> int:
    return int(limit is not None and used >= limit)
