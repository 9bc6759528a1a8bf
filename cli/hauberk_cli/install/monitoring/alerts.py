"""Rules for alerts: what somebody should look at before users tell of it."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Severity = Literal["critical", "warning", "info"]


class Alert(NamedTuple):
    """When it is raised, and what it says."""

    name: str
    expression: str
    minutes: int
    """For how long the expression has to hold."""
    severity: Severity
    summary: str
    action: str
    """What to do."""


_FIVE_HUNDREDS: Final = (
    'sum by (destination_service_namespace, destination_service_name) (rate(istio_requests_total{reporter="source"'
)
_LOGS: Final = "kubectl -n hauberk-system logs deployment/hauberk-control"
_SERVICE: Final = "{{ $labels.destination_service_namespace }}/{{ $labels.destination_service_name }}"

ALERTS: Final = (
    Alert(
        "HauberkControlDoesNotLead",
        "(sum(hauberk_control_leading) or vector(0)) < 1",
        5,
        "critical",
        "No replica of control leads",
        f"Proxies serve on, but nothing writes statuses or makes gateways: {_LOGS}",
    ),
    Alert(
        "HauberkProxiesRefuseConfiguration",
        'sum by (role) (hauberk_control_proxies{state="refused"}) > 0',
        5,
        "warning",
        "{{ $value }} proxies ({{ $labels.role }}) refuse their configuration and serve by the last good one",
        "hauberk proxies --kubernetes tells which, and why",
    ),
    Alert(
        "HauberkProxiesBehind",
        'sum by (role) (hauberk_control_proxies{state="behind"}) > 0',
        10,
        "warning",
        "{{ $value }} proxies ({{ $labels.role }}) do not have the latest configuration",
        "hauberk proxies --kubernetes tells which; look at their logs, and at control's load",
    ),
    Alert(
        "HauberkObjectsHaveMistakes",
        "max(hauberk_control_problems) > 0",
        30,
        "info",
        "{{ $value }} mistakes in objects keep a part of the configuration from being used",
        "Their status says which and why; hauberk check names Gateways",
    ),
    Alert(
        "HauberkCertificatesRefused",
        "sum by (reason) (increase(hauberk_control_certificates_refused_total[10m])) > 0",
        5,
        "warning",
        "Control refuses certificates: {{ $labels.reason }}",
        "Proxies keep what they have until it ends; control's log names who asks",
    ),
    Alert(
        "HauberkInjectionFails",
        "sum(increase(sidecar_injection_failure_total[10m])) > 0",
        5,
        "warning",
        "Pods are not made because the webhook cannot answer",
        _LOGS,
    ),
    Alert(
        "HauberkServiceFails",
        f'{_FIVE_HUNDREDS}, response_code=~"5.."}}[5m])) / {_FIVE_HUNDREDS}}}[5m])) > 0.05',
        10,
        "warning",
        f"{{{{ $value | humanizePercentage }}}} of the requests to {_SERVICE} fail",
        "The dashboard of the service shows whose requests; the access logs of its proxies say why each failed",
    ),
    Alert(
        "HauberkEndpointsUnreachable",
        "sum by (namespace, cluster) (rate(hauberk_upstream_connect_failures_total[5m])) > 1",
        10,
        "warning",
        "Proxies in {{ $labels.namespace }} cannot connect to endpoints of {{ $labels.cluster }}",
        "Look at these pods' readiness, and at network policies",
    ),
    Alert(
        "HauberkPoolsOverflow",
        "sum by (namespace, cluster) (rate(hauberk_pool_overflows_total[5m])) > 0",
        10,
        "warning",
        "Requests of {{ $labels.namespace }} to {{ $labels.cluster }} are refused: its pool and its queue are full",
        "Its endpoints are too slow or too few; or raise the limits of its DestinationRule",
    ),
    Alert(
        "HauberkAcceptsFail",
        "sum by (namespace, pod) (increase(hauberk_accept_errors_total[10m])) > 0",
        0,
        "warning",
        "The proxy of {{ $labels.namespace }}/{{ $labels.pod }} cannot accept connections",
        "Mostly it has no descriptors left: its log says",
    ),
    Alert(
        "HauberkPluginFails",
        "sum by (plugin) (increase(hauberk_plugin_failures_total[10m])) > 0",
        10,
        "warning",
        "The plugin {{ $labels.plugin }} raises, takes too long, or returns nonsense",
        "The proxies' logs have the reason once each",
    ),
    Alert(
        "HauberkSeriesRefused",
        "sum by (namespace, pod) (increase(hauberk_metrics_series_refused_total[1h])) > 0",
        0,
        "info",
        "The proxy of {{ $labels.namespace }}/{{ $labels.pod }} counts new series under 'other'",
        "Something makes very many values of a label; restart the proxy once that is found",
    ),
)


def rules() -> Mapping[str, object]:
    """As Prometheus reads them from a file, and the operator from a PrometheusRule's spec."""
    return {"groups": [{"name": "hauberk", "rules": [_rule(alert) for alert in ALERTS]}]}


def _rule(alert: Alert) -> Mapping[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": f"{alert.minutes}m",
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.action},
    }
