"""The values of an installation: what `hauberk install --set` and `helm install --set` may say.

The chart's values.yaml, its schema and the page of the reference are written from these classes.
"""

from typing import Literal

import msgspec

from hauberk_control.inject.settings import InjectionSettings
from hauberk_control.proxy_settings import CertificateAuthority, GatewaySettings, ProxyLimits, ProxySettings, Resources
from hauberk_core.build_info import version
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN
from hauberk_core.pod import DEFAULT_REVISION
from hauberk_core.resources.names import Labels
from hauberk_core.resources.part import Part


class ImageValues(Part, frozen=True, kw_only=True):
    """Where images come from."""

    registry: str = ""
    """Put before the images' names, with a slash: `registry.example.org/mesh`; empty: as the nodes are set up."""
    tag: str = version()
    """Of both images."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets; each namespace with proxies needs its own."""
    control: str = "hauberk-control"
    """The name of control's image."""
    proxy: str = "hauberk-proxy"
    """The name of the proxies' image."""


class ControlValues(Part, frozen=True, kw_only=True):
    """How control is run."""

    replicas: int = 1
    """All of them serve proxies; one of them writes statuses and makes gateways. While there is none, proxies serve on."""
    resources: Resources = Resources(requests={"cpu": "100m", "memory": "192Mi"}, limits={"memory": "1Gi"})
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    tolerations: tuple[dict[str, object], ...] = ()
    affinity: dict[str, object] = msgspec.field(default_factory=dict)
    priority_class: str = ""
    pod_labels: Labels = msgspec.field(default_factory=dict)
    pod_annotations: dict[str, str] = msgspec.field(default_factory=dict)


class ProxyValues(Part, frozen=True, kw_only=True):
    """What sidecars and gateways have alike."""

    image: str = ""
    """Another image for all proxies, as one that is derived from ours and has your plugins; whole, with registry and tag."""
    workers: int = 1
    """Processes that carry traffic, for each proxy."""
    resources: Resources = ProxySettings().resources
    """A gateway may have its own: `gateways.resources`."""
    limits: ProxyLimits = ProxyLimits()


class GatewayClassValues(Part, frozen=True, kw_only=True):
    """Which GatewayClasses are made."""

    hauberk: bool = True
    istio: bool = True
    """So that Gateways written for Istio are served unchanged. Say false where Istio itself runs in the cluster."""


class WebhookValues(Part, frozen=True, kw_only=True):
    """The webhook that gives pods their sidecars."""

    enabled: bool = True
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    """What becomes of a pod that should get a sidecar while no control can be asked: it is not made, or it has none."""


class CniValues(Part, frozen=True, kw_only=True):
    """Capture by the node (`inject.capture: cni`), for namespaces that forbid pods to set it up themselves."""

    enabled: bool = False
    """One agent on each node, in the namespace kube-system; one installation of a cluster has it."""
    configuration_folder: str = "/etc/cni/net.d"
    """Where the node has its chain of plugins."""
    programs_folder: str = "/opt/cni/bin"
    """Where the node has the plugins' programs."""
    resources: Resources = Resources(requests={"cpu": "10m", "memory": "64Mi"}, limits={"memory": "256Mi"})


class MonitoringValues(Part, frozen=True, kw_only=True):
    """Objects for the Prometheus operator, which need its resource definitions, and dashboards for Grafana."""

    service_monitor: bool = False
    """For control."""
    pod_monitor: bool = False
    """For every proxy."""
    alerts: bool = False
    """Rules for alerts (PrometheusRule)."""
    dashboards: bool = False
    """ConfigMaps with dashboards: of the mesh, services, workloads, gateways and control."""
    dashboard_labels: Labels = msgspec.field(default_factory=lambda: {"grafana_dashboard": "1"})
    """By which Grafana's side container finds them."""
    labels: Labels = msgspec.field(default_factory=dict)
    """By which a Prometheus chooses its monitors and rules."""
    interval: str = "15s"


class Values(Part, frozen=True, kw_only=True):
    """All of them."""

    revision: str = DEFAULT_REVISION
    """Several controls of different revisions can run side by side; namespaces choose theirs by the label `istio.io/rev`."""
    cluster_wide: bool = True
    """Whether this installation has what a cluster has only once, its GatewayClasses; false for all revisions but one."""
    trust_domain: str = DEFAULT_TRUST_DOMAIN
    """What identities begin with: `spiffe://TRUST-DOMAIN/ns/...`."""
    certificate_authority: CertificateAuthority = CertificateAuthority()
    image: ImageValues = ImageValues()
    control: ControlValues = ControlValues()
    proxy: ProxyValues = ProxyValues()
    gateways: GatewaySettings = GatewaySettings()
    gateway_classes: GatewayClassValues = GatewayClassValues()
    inject: InjectionSettings = InjectionSettings()
    webhook: WebhookValues = WebhookValues()
    cni: CniValues = CniValues()
    disruption_budget: bool = True
    """One replica of control may be evicted at a time."""
    network_policy: bool = True
    """Control takes connections on its own ports alone."""
    monitoring: MonitoringValues = MonitoringValues()


def plain_values(value: Part) -> dict[str, object]:
    """Values by their written names, with every default; what is not said at all (None) is left out."""
    plain: dict[str, object] = {}
    for field in msgspec.structs.fields(value):
        own = getattr(value, field.name)
        if own is not None:
            plain[field.encode_name] = _plain(own)
    return plain


def _plain(value: object) -> object:
    if isinstance(value, Part):
        return plain_values(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
