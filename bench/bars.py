"""The bars: how good hauberk has to be against the others in the same run."""

import dataclasses
import math
from typing import Final

from bench.figures import CPU, CPU_PER_GIB, FURTHER_FILTER, IDLE_CONNECTION, P99, TOTAL_PSS, WORKER_PSS, Measure, Results
from bench.scenarios import FILTERS, MEMORY, SIDECAR
from bench.statistics import ratio

PLAIN: Final = "hauberk plain"
COMPILED: Final = "hauberk compiled"
ENVOY: Final = "envoy"
NGINX: Final = "nginx"
HAPROXY: Final = "haproxy"


@dataclasses.dataclass(frozen=True)
class Bar:
    """`contestant`'s figure must be at most `limit` times the reference's; without a reference, at most `limit` itself."""

    title: str
    scenario: str
    contestant: str
    measure: Measure
    limit: float
    reference: str | None
    must: bool
    """Whether it has to hold now, or is where we want to get."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A bar held against results; `passed` is None where something was not measured."""

    bar: Bar
    value: float
    reference_value: float
    reached: float
    """The ratio to the reference, or the value where there is no reference."""
    passed: bool | None


BARS: Final = (
    Bar("compiled, CPU a request at most 1/1.7 of Envoy's", "http-32", COMPILED, CPU, 1 / 1.7, ENVOY, True),
    Bar("compiled, CPU a request within 1.6 x nginx's", "http-32", COMPILED, CPU, 1.6, NGINX, True),
    Bar("plain, CPU a request at most 1.15 x Envoy's", "http-32", PLAIN, CPU, 1.15, ENVOY, True),
    Bar("compiled, persistent TLS, CPU a request at most 1/1.5 of Envoy's", "tls-32", COMPILED, CPU, 1 / 1.5, ENVOY, True),
    Bar("compiled, all plugins, CPU a request at most 1/1.6 of Envoy's", "plugins-32", COMPILED, CPU, 1 / 1.6, ENVOY, True),
    Bar("compiled, all plugins, mutual TLS, at most 1/1.5 of Envoy's", "mesh-mtls-32", COMPILED, CPU, 1 / 1.5, ENVOY, True),
    Bar("compiled, HTTP/2 from the client, at most 1/1.2 of Envoy's", "h2", COMPILED, CPU, 1 / 1.2, ENVOY, True),
    Bar("compiled, HTTP/2 both ways, at most 1/1.2 of Envoy's", "h2-h2", COMPILED, CPU, 1 / 1.2, ENVOY, True),
    Bar("compiled, gRPC, at most 1/1.2 of Envoy's", "grpc", COMPILED, CPU, 1 / 1.2, ENVOY, True),
    Bar("compiled, plain TCP, CPU a GiB at most 1/1.5 of Envoy's", "tcp-bulk", COMPILED, CPU_PER_GIB, 1 / 1.5, ENVOY, True),
    Bar("compiled, CPU a full handshake at most 2 x Envoy's", "handshakes", COMPILED, CPU, 2.0, ENVOY, True),
    Bar("compiled, one more sync filter at most 0.3 µs", FILTERS, COMPILED, FURTHER_FILTER, 0.3, None, True),
    Bar("compiled, a whole sidecar at rest at most 70 MiB", SIDECAR, COMPILED, TOTAL_PSS, 70.0, None, True),
    Bar("compiled, worker's PSS at rest at most 0.45 x Envoy's", MEMORY, COMPILED, WORKER_PSS, 0.45, ENVOY, True),
    Bar("plain, worker's PSS at rest at most 0.45 x Envoy's", MEMORY, PLAIN, WORKER_PSS, 0.45, ENVOY, True),
    Bar("compiled, CPU a request at most 1/2 of Envoy's", "http-32", COMPILED, CPU, 1 / 2, ENVOY, False),
    Bar("compiled, CPU a request within 1.5 x nginx's", "http-32", COMPILED, CPU, 1.5, NGINX, False),
    Bar("compiled, persistent TLS, CPU a request at most 1/2 of Envoy's", "tls-32", COMPILED, CPU, 1 / 2, ENVOY, False),
    Bar("compiled, all plugins, CPU a request at most 1/2 of Envoy's", "plugins-32", COMPILED, CPU, 1 / 2, ENVOY, False),
    Bar("compiled, all plugins, mutual TLS, at most 1/2 of Envoy's", "mesh-mtls-32", COMPILED, CPU, 1 / 2, ENVOY, False),
    Bar("compiled, a whole sidecar at rest at most 60 MiB", SIDECAR, COMPILED, TOTAL_PSS, 60.0, None, False),
    Bar("compiled, p99 at 4,000/s at most 0.6 x Envoy's", "rate-4000", COMPILED, P99, 0.6, ENVOY, False),
    Bar("compiled, HTTP/2 from the client, at most 1/1.6 of Envoy's", "h2", COMPILED, CPU, 1 / 1.6, ENVOY, False),
    Bar("compiled, HTTP/2 both ways, at most 1/1.6 of Envoy's", "h2-h2", COMPILED, CPU, 1 / 1.6, ENVOY, False),
    Bar("compiled, gRPC, at most 1/1.6 of Envoy's", "grpc", COMPILED, CPU, 1 / 1.6, ENVOY, False),
    Bar("compiled, `hauberk proxy` at rest at most 60 MiB", MEMORY, COMPILED, TOTAL_PSS, 60.0, None, False),
    Bar("compiled, an idle plain connection at most 2 KiB", MEMORY, COMPILED, IDLE_CONNECTION, 2.0, None, False),
)


def judge(bar: Bar, results: Results) -> Verdict:
    """Hold `bar` against the medians of `results`."""
    value = results.median(bar.scenario, bar.contestant, bar.measure.key)
    if bar.reference is None:
        reference_value, reached = math.nan, value
    else:
        reference_value = results.median(bar.scenario, bar.reference, bar.measure.key)
        reached = ratio(value, reference_value)
    return Verdict(bar, value, reference_value, reached, None if math.isnan(reached) else reached <= bar.limit)
