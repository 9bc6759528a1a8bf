"""Monitors for the Prometheus operator."""

from typing import Final

from hauberk_cli.install.expressions import Merged, Value
from hauberk_cli.install.objects.naming import LABELS, NAMESPACE, SELECTOR, Part, head
from hauberk_core import pod

_API: Final = "monitoring.coreos.com/v1"
_INTERVAL: Final = Value("monitoring.interval")


def monitoring_parts() -> list[Part]:
    """One for control, and one for every proxy of the cluster."""
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
    endpoint = {
        "path": pod.METRICS_PATH,
        "interval": _INTERVAL,
        "relabelings": [by_container, to_metrics, to_metrics_of_ipv4],
    }
    pods = {
        "selector": {"matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]},
        "namespaceSelector": {"any": True},
        "jobLabel": "hauberk-proxy",
        "podMetricsEndpoints": [endpoint],
    }
    return [
        _monitor("ServiceMonitor", service, "monitoring.serviceMonitor"),
        _monitor("PodMonitor", pods, "monitoring.podMonitor"),
    ]


def _monitor(kind: str, spec: dict[str, object], switch: str) -> Part:
    manifest = head(_API, kind)
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    labelled = {**metadata, "labels": Merged(LABELS, Value("monitoring.labels"))}
    return Part({**manifest, "metadata": labelled, "spec": spec}, Value(switch))
