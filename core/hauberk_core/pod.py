"""What a proxy's pod on Kubernetes looks like: the names that injection and deployment write, and that proxies read.

Ports and labels with Istio's names are Istio's, so that people's habits, probes and dashboards hold.
"""

from typing import Final

CONTROL_NAMESPACE: Final = "hauberk-system"
CONTROL_NAME: Final = "hauberk-control"
CONTROL_HOST: Final = f"{CONTROL_NAME}.{CONTROL_NAMESPACE}.svc"
"""Where proxies find control, unless HAUBERK_CONTROL says otherwise."""
DEFAULT_REVISION: Final = "default"
"""Of the control that serves whoever names none."""


def control_name(revision: str) -> str:
    """What a revision's control is called: its Deployment, its Service and its Lease."""
    return CONTROL_NAME if revision == DEFAULT_REVISION else f"{CONTROL_NAME}-{revision}"


# Containers.
PROXY_CONTAINER: Final = "hauberk-proxy"
CAPTURE_CONTAINER: Final = "hauberk-init"
PROXY_UID: Final = 1337
"""User and group of a proxy. What runs as it is not captured."""

# Ports of a pod.
ADMIN_PORT: Final = 15000
OUTBOUND_PORT: Final = 15001
INBOUND_PORT: Final = 15006
METRICS_PORT: Final = 15020
"""Metrics, and the probes that stand for the application's."""
READY_PORT: Final = 15021
READY_PATH: Final = "/healthz/ready"
METRICS_PATH: Final = "/stats/prometheus"
PROBES_PATH: Final = "/app-health"
"""`/app-health/CONTAINER/readyz`, `livez` or `startupz`."""

# Ports of control.
DISCOVERY_PORT: Final = 15011
CERTIFICATE_PORT: Final = 15012
CONTROL_METRICS_PORT: Final = 15014
WEBHOOK_PORT: Final = 15017

# Files.
POD_FOLDER: Final = "/etc/hauberk/pod"
"""Holds `labels` and `annotations`, as the downward API writes them."""
TOKEN_FOLDER: Final = "/var/run/secrets/hauberk/token"  # noqa: S105 - a folder
TOKEN_FILE: Final = "token"  # noqa: S105 - a file's name
TOKEN_AUDIENCE: Final = "hauberk"  # noqa: S105 - whom a token is for
TOKEN_SECONDS: Final = 3600
ROOT_FOLDER: Final = "/var/run/secrets/hauberk/root"
ROOT_FILE: Final = "root-cert.pem"
ROOT_CONFIG_MAP: Final = "hauberk-ca-root-cert"
STATE_FOLDER: Final = "/var/lib/hauberk"

# Environment.
POD_NAME: Final = "POD_NAME"
POD_NAMESPACE: Final = "POD_NAMESPACE"
POD_IP: Final = "POD_IP"
POD_IPS: Final = "POD_IPS"
SERVICE_ACCOUNT: Final = "SERVICE_ACCOUNT"
NODE_NAME: Final = "NODE_NAME"
CONTROL: Final = "HAUBERK_CONTROL"
CA_PORT: Final = "HAUBERK_CA_PORT"
CONTROL_DISCOVERY_PORT: Final = "HAUBERK_DISCOVERY_PORT"
CA_ADDRESS: Final = "HAUBERK_CA_ADDRESS"
"""`host:port` of whoever signs certificates in control's place; not set: control does."""
TRUST_DOMAIN: Final = "HAUBERK_TRUST_DOMAIN"
REVISION: Final = "HAUBERK_REVISION"
WORKLOAD: Final = "HAUBERK_WORKLOAD"
INTERCEPTION: Final = "HAUBERK_INTERCEPTION"
GATEWAY: Final = "HAUBERK_GATEWAY"
PROBES: Final = "HAUBERK_PROBES"
PROMETHEUS: Final = "HAUBERK_PROMETHEUS"
WORKERS: Final = "HAUBERK_WORKERS"
DRAIN: Final = "HAUBERK_DRAIN"
CONNECTION_LIMIT: Final = "HAUBERK_CONNECTION_LIMIT"
STREAM_LIMIT: Final = "HAUBERK_STREAM_LIMIT"
MEMORY_LIMIT: Final = "HAUBERK_MEMORY_LIMIT"
DELAY_LIMIT: Final = "HAUBERK_DELAY_LIMIT"

# Labels and annotations that injection writes.
LOCALITY_LABEL: Final = "istio-locality"
"""Of a pod or workload: `region.zone.sub-zone`, where slashes would say the same; goes before what its machine says."""
GATEWAY_NAME_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
STATUS_ANNOTATION: Final = "hauberk.dev/status"
CAPTURE_ANNOTATION: Final = "hauberk.dev/capture"
"""The arguments of the capture container, for the CNI plugin that stands in for it."""

# Capture.
NEVER_CAPTURED_PORTS: Final = (ADMIN_PORT, METRICS_PORT, READY_PORT)
"""The agent answers there itself."""
INBOUND_SOURCES: Final = ("127.0.0.6", "::6")
"""Where the proxy's connections to its workload come from, so that they are told from its connections to other workloads, one of
which may be itself under the name of a service. 127.0.0.0/8 is always there; `::6` is given to the loopback device."""
REDIRECT_PROBE_PORT: Final = 15002
"""Nobody listens there: whoever is answered was led to the proxy."""
OUTBOUND_PROBE: Final = "127.0.0.7"
"""The proxy's connections to it are led as the workload's own are."""
INBOUND_PROBE: Final = "127.0.0.6"
"""The proxy's connections to it are led as those for the workload are."""


def unnamed_gateway(pod_name: str) -> str:
    """What a gateway's proxy is called that was told of no Gateway. No Gateway can have such a name."""
    return f"pod/{pod_name}"
