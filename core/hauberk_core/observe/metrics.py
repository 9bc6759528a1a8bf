"""The closed list of what is counted: names, labels, meanings and where each value lies among the cells.

Metrics that always carry the same labels form a `MetricGroup`: one entry in the directory and one run of cells serve all of them.
Names, labels and buckets of the first group are Istio's, so that Kiali and Istio's dashboards draw this mesh
(https://istio.io/latest/docs/reference/config/metrics/).
"""

from typing import Final

from hauberk_core.observe.buckets import Buckets

COUNTER: Final = 1
GAUGE: Final = 2
HISTOGRAM: Final = 3

# The label value of a series that was refused room of its own.
OTHER: Final = "other"

# Envoy's default bounds, which Istio uses for milliseconds and octets alike.
_BOUNDS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000)
SIZES: Final = Buckets((0, *_BOUNDS), 1, 10_000)
"""Octets. Envoy's first bound, 0.5, can only hold 0, and an integer bound says the same."""
DURATIONS: Final = Buckets((500, *[bound * 1000 for bound in _BOUNDS]), 500, 100_000)
"""Microseconds."""


class Metric:
    """One metric: a counter and a gauge take one cell, a histogram one for each bucket, one for infinity, then the sum."""

    __slots__ = ("bounds", "description", "kind", "name", "scale", "width")

    def __init__(self, name: str, kind: int, description: str, bounds: tuple[float, ...] = (), scale: float = 1.0) -> None:
        """Describe it.

        Args: bounds - of a histogram, in the unit that is shown; scale - what a cell's sum is multiplied by to be shown.
        """
        self.name: Final = name
        self.kind: Final = kind
        self.description: Final = description
        self.bounds: Final = bounds
        self.scale: Final = scale
        self.width: Final = len(bounds) + 2 if kind == HISTOGRAM else 1


class MetricGroup:
    """Metrics that share their labels, and whose cells lie one after the other."""

    __slots__ = ("default", "labels", "metrics", "name", "width")

    def __init__(self, name: str, labels: tuple[str, ...], default: str, metrics: tuple[Metric, ...]) -> None:
        """Describe it.

        Args: default - the value of a label that nobody set.
        """
        self.name: Final = name
        self.labels: Final = labels
        self.default: Final = default
        self.metrics: Final = metrics
        self.width: Final = sum([metric.width for metric in metrics])

    def label_values(self, given: dict[str, str]) -> tuple[str, ...]:
        """The values of all labels in their order; names in `given` that are no labels of this group are left out."""
        return tuple([given.get(label, self.default) for label in self.labels])


_SIZE_BOUNDS: Final = (0.5, *[float(bound) for bound in _BOUNDS])

# Where the parts of the first group lie, for whoever counts.
REQUESTS: Final = 0
DURATION: Final = 1
DURATION_SUM: Final = DURATION + len(DURATIONS.bounds) + 1
REQUEST_SIZE: Final = DURATION_SUM + 1
REQUEST_SIZE_SUM: Final = REQUEST_SIZE + len(SIZES.bounds) + 1
RESPONSE_SIZE: Final = REQUEST_SIZE_SUM + 1
RESPONSE_SIZE_SUM: Final = RESPONSE_SIZE + len(SIZES.bounds) + 1

HTTP: Final = MetricGroup(
    "istio_http",
    (
        "reporter",
        "source_workload",
        "source_canonical_service",
        "source_canonical_revision",
        "source_workload_namespace",
        "source_principal",
        "source_app",
        "source_version",
        "source_cluster",
        "destination_workload",
        "destination_workload_namespace",
        "destination_principal",
        "destination_app",
        "destination_version",
        "destination_service",
        "destination_canonical_service",
        "destination_canonical_revision",
        "destination_service_name",
        "destination_service_namespace",
        "destination_cluster",
        "request_protocol",
        "response_code",
        "grpc_response_status",
        "response_flags",
        "connection_security_policy",
    ),
    "unknown",
    (
        Metric("istio_requests_total", COUNTER, "Requests that were answered or given up."),
        Metric(
            "istio_request_duration_milliseconds",
            HISTOGRAM,
            "Time from the first octet of a request to the last of its response.",
            _SIZE_BOUNDS,
            0.001,
        ),
        Metric("istio_request_bytes", HISTOGRAM, "Octets of request bodies.", _SIZE_BOUNDS),
        Metric("istio_response_bytes", HISTOGRAM, "Octets of response bodies.", _SIZE_BOUNDS),
    ),
)

# Where the parts of the next group lie.
PASSAGES_OPENED: Final = 0
PASSAGES_CLOSED: Final = 1
PASSAGE_RECEIVED: Final = 2
PASSAGE_SENT: Final = 3

TCP: Final = MetricGroup(
    "istio_tcp",
    tuple([label for label in HTTP.labels if label not in ("response_code", "grpc_response_status")]),
    "unknown",
    (
        Metric("istio_tcp_connections_opened_total", COUNTER, "Connections whose octets pass as they are."),
        Metric("istio_tcp_connections_closed_total", COUNTER, "Of these, those that are over."),
        Metric("istio_tcp_received_bytes_total", COUNTER, "Octets that their clients have sent."),
        Metric("istio_tcp_sent_bytes_total", COUNTER, "Octets that their clients were sent."),
    ),
)

# Where the parts of the next group lie.
SESSIONS_OPENED: Final = 0
SESSIONS_ACTIVE: Final = 1
DATAGRAMS_RECEIVED: Final = 2
DATAGRAM_BYTES_RECEIVED: Final = 3
DATAGRAMS_SENT: Final = 4
DATAGRAM_BYTES_SENT: Final = 5

DATAGRAMS: Final = MetricGroup(
    "datagrams",
    ("listener",),
    "",
    (
        Metric("hauberk_udp_sessions_total", COUNTER, "UDP sessions that were begun."),
        Metric("hauberk_udp_sessions_active", GAUGE, "UDP sessions that are not over."),
        Metric("hauberk_udp_datagrams_received_total", COUNTER, "Datagrams that came from clients."),
        Metric("hauberk_udp_received_bytes_total", COUNTER, "Octets in these."),
        Metric("hauberk_udp_datagrams_sent_total", COUNTER, "Datagrams that clients were sent."),
        Metric("hauberk_udp_sent_bytes_total", COUNTER, "Octets in these."),
    ),
)

DROPPED_DATAGRAMS: Final = MetricGroup(
    "dropped_datagrams",
    ("listener", "cause"),
    "",
    (
        Metric(
            "hauberk_udp_datagrams_dropped_total",
            COUNTER,
            "Datagrams that went no further: no_backend, no_endpoint, overflow (of sessions), connect_failed, to_endpoint and "
            "to_client (too long, or no room to send).",
        ),
    ),
)

LISTENER: Final = MetricGroup(
    "listener",
    ("listener",),
    "",
    (
        Metric("hauberk_downstream_connections_total", COUNTER, "Connections accepted."),
        Metric("hauberk_downstream_connections_active", GAUGE, "Connections that are open."),
        Metric("hauberk_tls_handshake_failures_total", COUNTER, "TLS handshakes of clients that failed."),
        Metric("hauberk_accept_errors_total", COUNTER, "Accepts that failed, for example for want of descriptors."),
        Metric(
            "hauberk_misled_connections_total",
            COUNTER,
            "Captured connections that were reset: they were going to the listener itself, or nowhere that is served.",
        ),
        Metric(
            "hauberk_unproven_clients_total",
            COUNTER,
            "Connections of clients that were let in although they did not show the certificate that they were asked for.",
        ),
    ),
)

CLUSTER: Final = MetricGroup(
    "cluster",
    ("cluster",),
    "",
    (
        Metric("hauberk_upstream_connections_total", COUNTER, "Connections to endpoints that were established."),
        Metric("hauberk_upstream_connections_active", GAUGE, "Established connections to endpoints that are open."),
        Metric("hauberk_upstream_connect_failures_total", COUNTER, "Connects to an endpoint that failed or timed out."),
        Metric("hauberk_pool_requests_waiting", GAUGE, "Requests that wait for a connection."),
        Metric("hauberk_pool_overflows_total", COUNTER, "Requests refused because the pool and its queue were full."),
        Metric(
            "hauberk_upstream_sent_again_total",
            COUNTER,
            "Requests sent once more because their endpoint had closed a kept connection just when they went out.",
        ),
        Metric("hauberk_upstream_retries_total", COUNTER, "Attempts made because a route's `retry` asked for another one."),
        Metric("hauberk_upstream_retries_succeeded_total", COUNTER, "Answers below 500 that such an attempt brought."),
        Metric("hauberk_upstream_retries_exhausted_total", COUNTER, "Requests that failed with no attempt left (flag `URX`)."),
        Metric("hauberk_upstream_retry_overflows_total", COUNTER, "Attempts not made because the retry budget was spent."),
    ),
)

MIRRORED: Final = MetricGroup(
    "mirrored",
    ("cluster", "result"),
    "",
    (
        Metric(
            "hauberk_mirrored_requests_total",
            COUNTER,
            "Copies of requests that went to a mirror, by what became of them: 2xx, 3xx, 4xx and 5xx (answered so), refused (no "
            "connection was to be had), failed (it broke, or took too long), given_up (the mirror did not keep up, or the rest "
            "of the request never came).",
        ),
    ),
)

LOCAL_ANSWER: Final = MetricGroup(
    "local_answer",
    ("reason",),
    "",
    (Metric("hauberk_local_answers_total", COUNTER, "Answers that the proxy made itself, by reason."),),
)

WORKER: Final = MetricGroup(
    "worker",
    (),
    "",
    (
        Metric("hauberk_requests_active", GAUGE, "Exchanges that have begun and not ended, as of the last second."),
        Metric("hauberk_access_log_dropped_total", COUNTER, "Access log lines lost because the log could not take them."),
        Metric("hauberk_config_updates_total", COUNTER, "Configurations that workers have put to use."),
    ),
)

# Where the parts of the next group lie.
OVERLOAD_SHED: Final = 0
OVERLOAD_USED: Final = 1
OVERLOAD_LIMIT: Final = 2

OVERLOAD: Final = MetricGroup(
    "overload",
    ("resource",),
    "",
    (
        Metric(
            "hauberk_overload_shed_total",
            COUNTER,
            "Requests answered 503, and connections refused, by what was short: connections, streams, memory, loop_delay.",
        ),
        Metric("hauberk_overload_used", GAUGE, "What is used of each of these: a number, octets, or microseconds."),
        Metric("hauberk_overload_limit", GAUGE, "What the proxy allows of it, its workers added up; 0: no limit."),
    ),
)

LOOP_BLOCKED: Final = MetricGroup(
    "loop_blocked",
    ("plugin",),
    "",
    (
        Metric(
            "hauberk_loop_blocked_total",
            COUNTER,
            "Times that a worker's loop stood still, by the plugin that was at work; empty: none was.",
        ),
    ),
)

SPANS: Final = MetricGroup(
    "spans",
    (),
    "",
    (
        Metric("hauberk_spans_exported_total", COUNTER, "Spans that the collector has accepted."),
        Metric("hauberk_span_export_failures_total", COUNTER, "Attempts to hand spans to the collector that failed."),
    ),
)

DROPPED_SPANS: Final = MetricGroup(
    "dropped_spans",
    ("where",),
    "",
    (
        Metric(
            "hauberk_spans_dropped_total", COUNTER, "Spans lost, by where: worker, queue, export (given up), collector (refused)."
        ),
    ),
)

PLUGIN_STEPS: Final = Buckets((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000), 1, 1000)
"""Microseconds."""

# Where the parts of a plugin's group lie.
PLUGIN_FAILURES: Final = 0
PLUGIN_ANSWERS: Final = 1
PLUGIN_STEP: Final = 2
PLUGIN_STEP_SUM: Final = PLUGIN_STEP + len(PLUGIN_STEPS.bounds) + 1

PLUGIN: Final = MetricGroup(
    "plugin",
    ("plugin",),
    "",
    (
        Metric("hauberk_plugin_failures_total", COUNTER, "Calls of a plugin that raised, took too long, or returned nonsense."),
        Metric("hauberk_plugin_answers_total", COUNTER, "Exchanges that a plugin answered itself."),
        Metric(
            "hauberk_plugin_step_seconds",
            HISTOGRAM,
            "Time of one call of a plugin: of every asynchronous one, and of each 64th other.",
            tuple([bound / 1_000_000 for bound in PLUGIN_STEPS.bounds]),
            0.000001,
        ),
    ),
)

PLUGIN_COUNT: Final = MetricGroup(
    "plugin_count",
    ("plugin", "name"),
    "",
    (Metric("hauberk_plugin_count_total", COUNTER, "What a plugin counts under names of its own."),),
)

PLUGIN_VALUE: Final = MetricGroup(
    "plugin_value",
    ("plugin", "name"),
    "",
    (Metric("hauberk_plugin_value", HISTOGRAM, "What a plugin measures under names of its own.", _SIZE_BOUNDS),),
)
PLUGIN_VALUE_SUM: Final = len(SIZES.bounds) + 1

CIRCUIT: Final = MetricGroup(
    "circuit",
    ("cluster_name",),
    "",
    (
        Metric("envoy_cluster_upstream_cx_overflow", COUNTER, "Times that the limit on connections refused one more."),
        Metric("envoy_cluster_upstream_rq_pending_overflow", COUNTER, "Requests refused because too many waited already."),
        Metric("hauberk_cluster_requests_overflow", COUNTER, "Requests refused because too many were under way."),
        Metric("envoy_cluster_upstream_rq_retry_overflow", COUNTER, "Retries not made because too many were under way."),
        Metric("envoy_cluster_outlier_detection_ejections_enforced_total", COUNTER, "Ejections of endpoints."),
        Metric("envoy_cluster_outlier_detection_ejections_enforced_consecutive_5xx", COUNTER, "Of these, for 5xx in a row."),
        Metric(
            "envoy_cluster_outlier_detection_ejections_enforced_consecutive_gateway_failure",
            COUNTER,
            "Of these, for 502, 503 and 504 in a row.",
        ),
        Metric(
            "envoy_cluster_outlier_detection_ejections_enforced_consecutive_local_origin_failure",
            COUNTER,
            "Of these, for endpoints that could not be reached several times in a row.",
        ),
        Metric("hauberk_cluster_outlier_detection_ejections_probe", COUNTER, "Of these, because the request after one failed."),
        Metric(
            "envoy_cluster_outlier_detection_ejections_overflow",
            COUNTER,
            "Ejections not made because the share of ejected endpoints was at its maximum.",
        ),
        Metric("envoy_cluster_outlier_detection_ejections_active", GAUGE, "Endpoints that are ejected, or half open, now."),
        Metric("envoy_cluster_circuit_breakers_default_cx_open", GAUGE, "1: the limit on connections is reached."),
        Metric("envoy_cluster_circuit_breakers_default_rq_pending_open", GAUGE, "1: the limit on waiting requests is reached."),
        Metric("envoy_cluster_circuit_breakers_default_rq_open", GAUGE, "1: the limit on requests is reached."),
        Metric("envoy_cluster_circuit_breakers_default_rq_retry_open", GAUGE, "1: the limit on retries is reached."),
    ),
)

HEALTH: Final = MetricGroup(
    "health",
    ("cluster_name",),
    "",
    (
        Metric("envoy_cluster_health_check_attempt", COUNTER, "Health checks of endpoints that are there now."),
        Metric("envoy_cluster_health_check_success", COUNTER, "Of these, those that passed."),
        Metric("envoy_cluster_health_check_failure", COUNTER, "Of these, those that failed."),
        Metric("hauberk_cluster_health_check_changes", COUNTER, "How often these endpoints became healthy or unhealthy."),
        Metric("envoy_cluster_health_check_healthy", GAUGE, "Endpoints whose health checks pass now."),
        Metric("hauberk_cluster_health_check_unhealthy", GAUGE, "Endpoints that are left out for their health checks now."),
    ),
)

GROUPS: Final = (
    HTTP,
    TCP,
    DATAGRAMS,
    DROPPED_DATAGRAMS,
    LISTENER,
    CLUSTER,
    MIRRORED,
    LOCAL_ANSWER,
    WORKER,
    OVERLOAD,
    LOOP_BLOCKED,
    SPANS,
    DROPPED_SPANS,
    PLUGIN,
    PLUGIN_COUNT,
    PLUGIN_VALUE,
    CIRCUIT,
    HEALTH,
)
