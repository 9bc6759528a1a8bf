"""The annotations by which a pod says what its sidecar is to be like: under our names, and under Istio's."""

from typing import Final, NamedTuple


class Annotation(NamedTuple):
    """One annotation under both its names."""

    ours: str
    istio: str | None
    form: str
    """What its value looks like."""
    meaning: str

    @property
    def names(self) -> tuple[str, ...]:
        """Both, ours first: it wins."""
        return (self.ours,) if self.istio is None else (self.ours, self.istio)


_PORTS: Final = "ports with commas between"
_RANGES: Final = "`*`, or address ranges with commas between"
_QUANTITY: Final = "an amount, as in `100m` or `128Mi`"
_BOOLEAN: Final = "`true` or `false`"
_SECONDS: Final = "a whole number"

INTERCEPTION_MODE: Final = Annotation(
    "hauberk.dev/interception-mode",
    "sidecar.istio.io/interceptionMode",
    "`REDIRECT` or `NONE`",
    "Whether the pod's traffic is captured. With `NONE` there is no init container, and probes stay as they are.",
)
INCLUDE_INBOUND_PORTS: Final = Annotation(
    "hauberk.dev/include-inbound-ports",
    "traffic.sidecar.istio.io/includeInboundPorts",
    f"`*`, or {_PORTS}; empty: none",
    "Ports whose incoming connections are captured.",
)
EXCLUDE_INBOUND_PORTS: Final = Annotation(
    "hauberk.dev/exclude-inbound-ports",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    _PORTS,
    "Ports whose incoming connections are not captured, where all others are.",
)
INCLUDE_OUTBOUND_PORTS: Final = Annotation(
    "hauberk.dev/include-outbound-ports",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    _PORTS,
    "Ports to which outgoing connections are captured whatever their address.",
)
EXCLUDE_OUTBOUND_PORTS: Final = Annotation(
    "hauberk.dev/exclude-outbound-ports",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    _PORTS,
    "Ports to which outgoing connections are not captured.",
)
INCLUDE_OUTBOUND_RANGES: Final = Annotation(
    "hauberk.dev/include-outbound-ip-ranges",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    f"{_RANGES}; empty: none",
    "Addresses to which outgoing connections are captured.",
)
EXCLUDE_OUTBOUND_RANGES: Final = Annotation(
    "hauberk.dev/exclude-outbound-ip-ranges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "address ranges with commas between",
    "Addresses to which outgoing connections are not captured, where all others are.",
)
PROXY_CPU: Final = Annotation(
    "hauberk.dev/proxy-cpu",
    "sidecar.istio.io/proxyCPU",
    _QUANTITY,
    "CPU that the proxy asks for. Where one of these four is given, the mesh's defaults for all four are left out.",
)
PROXY_CPU_LIMIT: Final = Annotation(
    "hauberk.dev/proxy-cpu-limit", "sidecar.istio.io/proxyCPULimit", _QUANTITY, "CPU that it gets at most."
)
PROXY_MEMORY: Final = Annotation(
    "hauberk.dev/proxy-memory", "sidecar.istio.io/proxyMemory", _QUANTITY, "Memory that it asks for."
)
PROXY_MEMORY_LIMIT: Final = Annotation(
    "hauberk.dev/proxy-memory-limit", "sidecar.istio.io/proxyMemoryLimit", _QUANTITY, "Memory that it gets at most."
)
PROXY_IMAGE: Final = Annotation(
    "hauberk.dev/proxy-image",
    "sidecar.istio.io/proxyImage",
    "an image's name",
    "The image of proxy and init container: one derived from ours, with plugins in it. Of a namespace: of all its proxies.",
)
NATIVE_SIDECAR: Final = Annotation(
    "hauberk.dev/native-sidecar",
    "sidecar.istio.io/nativeSidecar",
    _BOOLEAN,
    "Whether the proxy is an init container that keeps running. Only where the cluster has such.",
)
REWRITE_PROBES: Final = Annotation(
    "hauberk.dev/rewrite-probes",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    _BOOLEAN,
    "Whether HTTP, TCP and gRPC probes lead through the proxy.",
)
MERGE_PROMETHEUS: Final = Annotation(
    "hauberk.dev/merge-metrics",
    "prometheus.istio.io/merge-metrics",
    _BOOLEAN,
    "Whether the pod's `prometheus.io` annotations lead to the proxy, which shows the application's metrics with its own.",
)
USER_VOLUME: Final = Annotation(
    "hauberk.dev/user-volume",
    "sidecar.istio.io/userVolume",
    "JSON: an object of volumes by name, or a list of volumes",
    "Volumes for the proxy.",
)
USER_VOLUME_MOUNT: Final = Annotation(
    "hauberk.dev/user-volume-mount",
    "sidecar.istio.io/userVolumeMount",
    "JSON: an object of mounts by volume, or a list of mounts",
    "Where the proxy has these and the pod's other volumes.",
)
READINESS_PERIOD: Final = Annotation(
    "hauberk.dev/readiness-period-seconds",
    "readiness.status.sidecar.istio.io/periodSeconds",
    _SECONDS,
    "How often the kubelet asks whether the proxy is ready.",
)
READINESS_FAILURES: Final = Annotation(
    "hauberk.dev/readiness-failure-threshold",
    "readiness.status.sidecar.istio.io/failureThreshold",
    _SECONDS,
    "How often in a row it is not, until the pod is not.",
)
TEMPLATES: Final = Annotation(
    "hauberk.dev/templates",
    "inject.istio.io/templates",
    "`sidecar` or `gateway`",
    "What is injected. A gateway serves the Gateway that the pod's label `gateway.networking.k8s.io/gateway-name` names, and "
    "those that have a Service of the pod's among their addresses.",
)
PROXY_CONFIG: Final = Annotation(
    "hauberk.dev/proxy-config",
    "proxy.istio.io/config",
    "YAML",
    "Of Istio's ProxyConfig: `holdApplicationUntilProxyStarts`, `terminationDrainDuration`, `concurrency`, `interceptionMode`, "
    "and `proxyMetadata`: variables of the proxy's environment. Other members have no effect and are told in a warning.",
)

ANNOTATIONS: Final = (
    INTERCEPTION_MODE,
    INCLUDE_INBOUND_PORTS,
    EXCLUDE_INBOUND_PORTS,
    INCLUDE_OUTBOUND_PORTS,
    EXCLUDE_OUTBOUND_PORTS,
    INCLUDE_OUTBOUND_RANGES,
    EXCLUDE_OUTBOUND_RANGES,
    PROXY_IMAGE,
    PROXY_CPU,
    PROXY_CPU_LIMIT,
    PROXY_MEMORY,
    PROXY_MEMORY_LIMIT,
    NATIVE_SIDECAR,
    REWRITE_PROBES,
    MERGE_PROMETHEUS,
    USER_VOLUME,
    USER_VOLUME_MOUNT,
    READINESS_PERIOD,
    READINESS_FAILURES,
    TEMPLATES,
    PROXY_CONFIG,
)

SIDECAR_PREFIXES: Final = (
    "hauberk.dev/",
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "readiness.status.sidecar.istio.io/",
    "status.sidecar.istio.io/",
    "proxy.istio.io/",
    "inject.istio.io/",
)
"""Annotations that begin so are meant for a sidecar: one that nothing here knows is told."""
