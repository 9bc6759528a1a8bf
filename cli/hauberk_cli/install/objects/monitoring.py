"""For the Prometheus operator: monitors and alerts; for Grafana: dashboards."""

import json
from typing import Final

from hauberk_cli.install.expressions import ChartData, ChartFile, Merged, Text, Value
from hauberk_cli.install.monitoring.alerts import rules
from hauberk_cli.install.monitoring.dashboards import DASHBOARDS
from hauberk_cli.install.monitoring.grafana import Dashboard
from hauberk_cli.install.objects.naming import LABELS, NAMESPACE, SELECTOR, SUFFIX, Part, head
from hauberk_core import pod

_API: Final = "monitoring.coreos.com/v1"


def _file_of(dashboard: Dashboard) -> ChartFile:
    text = json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"
    return ChartFile(f"dashboards/hauberk-{dashboard.name}.json", text)


_INTERVAL: Final = Value("monitoring.interval")
_JOB: Final = "hauberk-proxy"
_ALERTS: Final = ChartData("alerts/hauberk.json", rules())
_DASHBOARDS: Final = {one.name: _file_of(one) for one in DASHBOARDS}
MONITORING_FILES: Final[tuple[ChartFile, ...]] = (_ALERTS, *_DASHBOARDS.values())
"""What the chart has beside its templates, for whoever wants it without Helm too."""


def monitoring_parts() -> list[Part]:
    """A monitor for control, one for every proxy of the cluster, the alerts, and the dashboards."""
    service = {
        "selector": {"matchLabels": SELECTOR},
        "namespaceSelector": {"matchNames": [NAMESPACE]},
        "endpoints": [{"port": "http-metrics", "path": "/metrics", "interval": _INTERVAL}],
    }
    by_container = {
        "action": "keep",
        "sourceLabels": ["__meta_kubernetes_pod_container_name"],
        "regex": pod.PROXY_CONTAINER,
    }
    to_metrics = {
        "action": "replace",
        "sourceLabels": ["__meta_kubernetes_pod_ip"],
        "regex": "(([A-Fa-f0-9]{1,4}::?){1,7}[A-Fa-f0-9]{1,4})",
        "targetLabel": "__address__",
        "replacement": f"[$1]:{pod.METRICS_PORT}",
    }
    to_metrics_of_ipv4 = {
        **to_metrics,
        "regex": "([0-9.]+)",
        "replacement": f"$1:{pod.METRICS_PORT}",
    }
    # A job's name would be the monitor's own otherwise.
    to_job = {"action": "replace", "targetLabel": "job", "replacement": _JOB}
    endpoint = {
        "path": pod.METRICS_PATH,
        "interval": _INTERVAL,
        "relabelings": [by_container, to_metrics, to_metrics_of_ipv4, to_job],
    }
    pods = {
        "selector": {"matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]},
        "namespaceSelector": {"any": True},
        "podMetricsEndpoints": [endpoint],
    }
    return [
        _monitor("ServiceMonitor", service, "monitoring.serviceMonitor"),
        _monitor("PodMonitor", pods, "monitoring.podMonitor"),
        _monitor("PrometheusRule", _ALERTS, "monitoring.alerts"),
        *[_dashboard(name, file) for name, file in _DASHBOARDS.items()],
    ]


def _dashboard(name: str, file: ChartFile) -> Part:
    """A ConfigMap, as Grafana's side container finds dashboards."""
    manifest = head("v1", "ConfigMap", Text(f"hauberk-dashboard-{name}", SUFFIX))
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    labelled = {**metadata, "labels": Merged(LABELS, Value("monitoring.dashboardLabels"))}
    data = {file.name.rpartition("/")[2]: file}
    return Part({**manifest, "metadata": labelled, "data": data}, Value("monitoring.dashboards"))


def _monitor(kind: str, spec: object, switch: str) -> Part:
    manifest = head(_API, kind)
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    labelled = {**metadata, "labels": Merged(LABELS, Value("monitoring.labels"))}
    return Part({**manifest, "metadata": labelled, "spec": spec}, Value(switch))
