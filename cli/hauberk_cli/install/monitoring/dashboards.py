"""The five dashboards: the whole mesh, one service, one workload, gateways, and control."""

from collections.abc import Sequence
from typing import Final

from hauberk_cli.install.monitoring.grafana import Dashboard, Panel, Query, Row, Variable

# Both proxies of a call count it. A caller's sees also what never reached the other.
_CALLERS: Final = 'reporter="source"'
_CALLED: Final = 'reporter="destination"'
_QUANTILES: Final = (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"))


def _rate(metric: str, *labels: str, by: str = "") -> str:
    """How much a second, added up."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({metric}{{{', '.join(labels)}}}[$__rate_interval]))"


def _requests(*labels: str, by: str = "") -> str:
    return _rate("istio_requests_total", *labels, by=by)


def _success(*labels: str, by: str = "") -> str:
    """The share of requests that no server's fault has ended; nothing where there are no requests."""
    good = _requests(*labels, 'response_code!~"5.."', by=by)
    return f"{good} / {_requests(*labels, by=by)}"


def _durations(*labels: str, by: str = "") -> list[Query]:
    legend = f"{{{{{by}}}}} " if by else ""
    groups = f"le, {by}" if by else "le"
    rate = _rate("istio_request_duration_milliseconds_bucket", *labels, by=groups)
    return [Query(f"histogram_quantile({share}, {rate})", f"{legend}{name}") for share, name in _QUANTILES]


def _traffic(*labels: str) -> Row:
    """Requests, how they end and how long they take."""
    return Row(
        "Requests",
        [
            Panel("Requests by response code", [Query(_requests(*labels, by="response_code"), "{{response_code}}")], "reqps"),
            Panel(
                "Success",
                [Query(_success(*labels), "success")],
                "percentunit",
                meaning="The share that did not end in a 5xx.",
            ),
            Panel("Duration", _durations(*labels), "ms"),
        ],
    )


def _octets(*labels: str) -> Row:
    return Row(
        "Octets",
        [
            Panel(
                "Bodies",
                [
                    Query(_rate("istio_request_bytes_sum", *labels), "requests"),
                    Query(_rate("istio_response_bytes_sum", *labels), "responses"),
                ],
                "Bps",
            ),
            Panel(
                "TCP",
                [
                    Query(_rate("istio_tcp_received_bytes_total", *labels), "received"),
                    Query(_rate("istio_tcp_sent_bytes_total", *labels), "sent"),
                ],
                "Bps",
            ),
            Panel(
                "TCP connections",
                [
                    Query(_rate("istio_tcp_connections_opened_total", *labels), "opened"),
                    Query(_rate("istio_tcp_connections_closed_total", *labels), "closed"),
                ],
                "cps",
            ),
        ],
    )


def _mesh() -> Dashboard:
    name = "destination_service_name"
    secured = _requests(_CALLED, 'connection_security_policy="mutual_tls"')
    return Dashboard(
        "mesh",
        "hauberk / mesh",
        [],
        [
            Row(
                "Now",
                [
                    Panel("Requests", [Query(_requests(_CALLERS))], "reqps", "stat"),
                    Panel("Success", [Query(_success(_CALLERS))], "percentunit", "stat"),
                    Panel("Inside mutual TLS", [Query(f"{secured} / {_requests(_CALLED)}")], "percentunit", "stat"),
                    Panel("Proxies", [Query("sum by (role) (hauberk_control_proxies)", "{{role}}")], kind="stat"),
                ],
            ),
            Row(
                "Services",
                [
                    Panel("Requests", [Query(_requests(_CALLERS, by=name), f"{{{{{name}}}}}")], "reqps"),
                    Panel("Success", [Query(_success(_CALLERS, by=name), f"{{{{{name}}}}}")], "percentunit"),
                    Panel("Duration", _durations(_CALLERS, by=name), "ms"),
                ],
            ),
            _octets(_CALLERS),
            Row(
                "Failures",
                [
                    Panel(
                        "Answers that proxies made themselves",
                        [Query(_rate("hauberk_local_answers_total", by="reason"), "{{reason}}")],
                        "reqps",
                    ),
                    Panel(
                        "Connects that failed",
                        [Query(_rate("hauberk_upstream_connect_failures_total", by="cluster"), "{{cluster}}")],
                        "cps",
                    ),
                    Panel(
                        "Endpoints ejected",
                        [Query("sum by (cluster_name) (envoy_cluster_outlier_detection_ejections_active)", "{{cluster_name}}")],
                    ),
                ],
            ),
        ],
    )


def _service() -> Dashboard:
    chosen = (
        'destination_service_namespace=~"$namespace"',
        'destination_service_name=~"$service"',
    )
    namespaces = "label_values(istio_requests_total, destination_service_namespace)"
    services = 'label_values(istio_requests_total{destination_service_namespace=~"$namespace"}, destination_service_name)'
    return Dashboard(
        "service",
        "hauberk / service",
        [Variable("namespace", "Namespace", namespaces), Variable("service", "Service", services)],
        [
            _traffic(_CALLERS, *chosen),
            _by_workload("By caller", "source_workload", (_CALLERS, *chosen)),
            _by_workload("By workload that serves", "destination_workload", (_CALLED, *chosen)),
            _octets(_CALLERS, *chosen),
        ],
    )


def _by_workload(title: str, label: str, labels: Sequence[str]) -> Row:
    return Row(
        title,
        [
            Panel("Requests", [Query(_requests(*labels, by=label), f"{{{{{label}}}}}")], "reqps"),
            Panel("Success", [Query(_success(*labels, by=label), f"{{{{{label}}}}}")], "percentunit"),
            Panel("Duration", _durations(*labels, by=label), "ms"),
        ],
    )


def _workload() -> Dashboard:
    called = (_CALLED, 'destination_workload_namespace=~"$namespace"', 'destination_workload=~"$workload"')
    calls = (_CALLERS, 'source_workload_namespace=~"$namespace"', 'source_workload=~"$workload"')
    namespaces = "label_values(istio_requests_total, destination_workload_namespace)"
    workloads = 'label_values(istio_requests_total{destination_workload_namespace=~"$namespace"}, destination_workload)'
    return Dashboard(
        "workload",
        "hauberk / workload",
        [Variable("namespace", "Namespace", namespaces), Variable("workload", "Workload", workloads)],
        [
            _traffic(*called)._replace(title="Requests to it"),
            _by_workload("By caller", "source_workload", called),
            _traffic(*calls)._replace(title="Requests that it makes"),
            _by_workload("By service that it calls", "destination_service_name", calls),
            _octets(*called),
        ],
    )


def _gateway() -> Dashboard:
    chosen = (_CALLERS, 'source_workload_namespace=~"$namespace"', 'source_workload=~"$gateway"')
    pods = ('namespace=~"$namespace"', 'pod=~"$gateway-.*"')
    selected = f"{{{', '.join(pods)}}}"
    namespaces = 'label_values(istio_requests_total{reporter="source"}, source_workload_namespace)'
    gateways = 'label_values(istio_requests_total{reporter="source", source_workload_namespace=~"$namespace"}, source_workload)'
    return Dashboard(
        "gateway",
        "hauberk / gateway",
        [Variable("namespace", "Namespace", namespaces), Variable("gateway", "Gateway", gateways)],
        [
            _traffic(*chosen),
            _by_workload("By service", "destination_service_name", chosen),
            Row(
                "Clients",
                [
                    Panel(
                        "Connections",
                        [Query(f"sum by (listener) (hauberk_downstream_connections_active{selected})", "{{listener}}")],
                    ),
                    Panel(
                        "New connections",
                        [Query(_rate("hauberk_downstream_connections_total", *pods, by="listener"), "{{listener}}")],
                        "cps",
                    ),
                    Panel(
                        "Refused",
                        [
                            Query(_rate("hauberk_tls_handshake_failures_total", *pods), "TLS handshakes"),
                            Query(_rate("hauberk_accept_errors_total", *pods), "accepts"),
                        ],
                        "cps",
                    ),
                ],
            ),
            Row(
                "Endpoints",
                [
                    Panel(
                        "Connections",
                        [Query(f"sum by (cluster) (hauberk_upstream_connections_active{selected})", "{{cluster}}")],
                    ),
                    Panel(
                        "Connects that failed",
                        [Query(_rate("hauberk_upstream_connect_failures_total", *pods, by="cluster"), "{{cluster}}")],
                        "cps",
                    ),
                    Panel(
                        "Requests that wait for a connection",
                        [Query(f"sum by (cluster) (hauberk_pool_requests_waiting{selected})", "{{cluster}}")],
                    ),
                    Panel(
                        "Answers of its own",
                        [Query(_rate("hauberk_local_answers_total", *pods, by="reason"), "{{reason}}")],
                        "reqps",
                    ),
                ],
            ),
        ],
    )


def _control() -> Dashboard:
    outcomes = ("success", "skip", "refused", "malformed", "failure")
    injected = [Query(_rate(f"sidecar_injection_{outcome}_total"), outcome) for outcome in outcomes]
    answer = f"histogram_quantile(0.99, {_rate('sidecar_injection_time_seconds_bucket', by='le')})"
    return Dashboard(
        "control",
        "hauberk / control",
        [],
        [
            Row(
                "Proxies",
                [
                    Panel(
                        "Proxies by state",
                        [Query("sum by (role, state) (hauberk_control_proxies)", "{{role}} {{state}}")],
                        meaning="Of their configuration: the latest, an earlier one yet, or one that they have refused.",
                    ),
                    Panel("Configurations put to use", [Query(_rate("hauberk_config_updates_total"), "by workers")], "ops"),
                    Panel("Replicas that lead", [Query("sum(hauberk_control_leading)", "leading")]),
                ],
            ),
            Row(
                "Objects",
                [
                    Panel("Objects", [Query("max by (kind) (hauberk_control_objects)", "{{kind}}")]),
                    Panel("Mistakes in objects", [Query("max(hauberk_control_problems)", "mistakes")]),
                ],
            ),
            Row(
                "Certificates and injection",
                [
                    Panel(
                        "Certificates",
                        [
                            Query(_rate("hauberk_control_certificates_issued_total"), "issued"),
                            Query(_rate("hauberk_control_certificates_refused_total", by="reason"), "refused: {{reason}}"),
                        ],
                        "ops",
                    ),
                    Panel("Pods that the webhook was asked about", injected, "ops"),
                    Panel("Time for an answer", [Query(answer, "p99")], "s"),
                ],
            ),
            Row(
                "What is lost",
                [
                    Panel("Spans", [Query(_rate("hauberk_spans_dropped_total", by="where"), "{{where}}")], "ops"),
                    Panel("Lines of access logs", [Query(_rate("hauberk_access_log_dropped_total"), "lines")], "ops"),
                    Panel("Series refused room", [Query(_rate("hauberk_metrics_series_refused_total"), "series")], "ops"),
                    Panel(
                        "Failures of plugins", [Query(_rate("hauberk_plugin_failures_total", by="plugin"), "{{plugin}}")], "ops"
                    ),
                ],
            ),
        ],
    )


DASHBOARDS: Final = (_mesh(), _service(), _workload(), _gateway(), _control())
