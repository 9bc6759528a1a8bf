"""How proxies are run on a cluster: one file, which the chart writes and control reads."""

from typing import Annotated, Final, Literal

import msgspec

from hauberk_control.inject.settings import InjectionSettings
from hauberk_core import pod
from hauberk_core.build_info import version
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN
from hauberk_core.model.errors import ConfigErrors, quote
from hauberk_core.model.shape import check_shape
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.names import Label, Labels, QualifiedName, dns_subdomain
from hauberk_core.resources.one_document import one_tree
from hauberk_core.resources.part import Part, follows

_HIGHEST_PORT: Final = 65535

Quantity = str | int
"""An amount as Kubernetes writes it: `500m`, `64Mi`, `2`; half a processor is `500m`, or `"0.5"` in quotes."""


def _host_and_port(text: str) -> Fault | None:
    host, _, port = text.rpartition(":")
    if text and (dns_subdomain(host) or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) <= _HIGHEST_PORT):
        return f"{quote(text)} is no host with a port", "write it as csr.cert-manager.svc:443"
    return None


HostAndPort = Annotated[str, follows(_host_and_port)]
"""Or nothing."""


class Resources(Part, frozen=True, kw_only=True):
    """What a container asks for, and what it gets at most, by resource: `cpu`, `memory`."""

    requests: dict[str, Quantity] = msgspec.field(default_factory=dict)
    limits: dict[str, Quantity] = msgspec.field(default_factory=dict)

    def manifest(self) -> dict[str, object]:
        """Kubernetes' ResourceRequirements."""
        several = (("requests", self.requests), ("limits", self.limits))
        return {name: {resource: str(amount) for resource, amount in amounts.items()} for name, amounts in several if amounts}


class CertificateAuthority(Part, frozen=True, kw_only=True):
    """Who signs for proxies if control does not: what speaks Istio's certificate service, as cert-manager's istio-csr does."""

    address: HostAndPort = ""
    """`cert-manager-istio-csr.cert-manager.svc:443`: the host is the name in its own certificate; empty: control signs."""
    audience: str = "istio-ca"
    """Whom the tokens are for that proxies show it."""
    roots: str = ""
    """PEM: the roots of what it signs, and of its own certificate. Proxies and control trust these beside control's own."""


class GatewaySettings(Part, frozen=True, kw_only=True):
    """What is made for each Gateway."""

    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    replicas: int | None = None
    """Not said: one at first, and whoever scales the Deployment, a person or a HorizontalPodAutoscaler, is not overruled."""
    labels: Labels = msgspec.field(default_factory=dict)
    """Put on every object; a Gateway's own come on top."""
    annotations: dict[QualifiedName, str] = msgspec.field(default_factory=dict)
    resources: Resources | None = None
    """Not said: as of every proxy."""
    priority_class: Label | None = None


class ProxyLimits(Part, frozen=True, kw_only=True):
    """What each worker of a proxy takes at most; what is not said follows from the limit of its container's memory."""

    connections: Annotated[int, msgspec.Meta(ge=0, le=999_999_999)] | None = None
    """Of clients, at a time; 0: no limit."""
    streams: Annotated[int, msgspec.Meta(ge=0, le=999_999_999)] | None = None
    """Requests over HTTP/2 at a time; 0: no limit."""
    memory: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,15}([kMG]|[KMG]i)?)?$")] = ""
    """Of the whole proxy, as Kubernetes writes it (`200Mi`); not said: 85 % of the container's limit. `0`: no limit."""
    loop_delay: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,6}(\.[0-9]{1,3})?(ms|s))?$")] = ""
    """How long a request may wait before it is looked at; not said: `1s`. `0s`: for ever."""

    def environment(self) -> dict[str, str]:
        """The variables that tell a proxy."""
        told: dict[str, str] = {}
        if self.connections is not None:
            told[pod.CONNECTION_LIMIT] = str(self.connections)
        if self.streams is not None:
            told[pod.STREAM_LIMIT] = str(self.streams)
        if self.memory:
            told[pod.MEMORY_LIMIT] = self.memory
        if self.loop_delay:
            told[pod.DELAY_LIMIT] = self.loop_delay
        return told


class ProxySettings(Part, frozen=True, kw_only=True):
    """How proxies are run in this cluster; what is said nowhere is as it stands here."""

    image: str = f"hauberk-proxy:{version()}"
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the pod's own namespace."""
    control: str = pod.CONTROL_HOST
    """The host by which proxies know control."""
    trust_domain: str = DEFAULT_TRUST_DOMAIN
    revision: str = "default"
    """Of the control that makes these pods."""
    workers: int = 1
    """Processes that carry traffic, for each proxy."""
    resources: Resources = Resources(requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "512Mi"})
    """A proxy at rest takes some 50 MiB; a limit of CPU would only make requests wait."""
    limits: ProxyLimits = ProxyLimits()
    certificate_authority: CertificateAuthority = CertificateAuthority()
    gateways: GatewaySettings = GatewaySettings()
    inject: InjectionSettings = InjectionSettings()


def read_settings(data: bytes, origin: str) -> ProxySettings:
    """Read the file, YAML; an empty one says nothing.

    Args: origin - the file's name. Raises: ConfigErrors, with every mistake and its place.
    """
    tree = one_tree(data, origin)
    if tree is None:
        return ProxySettings()
    errors = check_shape(tree, ProxySettings)
    if errors:
        raise ConfigErrors(errors)
    try:
        return msgspec.convert(tree.root.plain(), ProxySettings)
    except msgspec.ValidationError as error:
        hint = "compare the file with the reference of the chart's values"
        raise ConfigErrors([tree.error_at(0, (), str(error), hint)]) from error
