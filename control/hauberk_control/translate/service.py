"""A port of a service as clusters: the whole of its endpoints, and each subset of them.

A cluster speaks one way to all of its endpoints. Where some take the mesh's TLS and some do not, there are two, which share the
requests as they share the endpoints.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.store import ObjectKey, key_of
from hauberk_control.translate.backend_tls import PolicyState
from hauberk_control.translate.destination_rule import (
    DNS_DOMAIN,
    Settings,
    effective,
    policies_of,
    settings,
    unsupported_tls,
)
from hauberk_control.translate.endpoints import Reached
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.load_balancer import Balancing
from hauberk_control.translate.localities import Place
from hauberk_control.translate.nearness import spread, wanted_facts
from hauberk_control.translate.security import calling_transport
from hauberk_control.translate.versions import Versions, divided
from hauberk_core.identity import SpiffeId
from hauberk_core.model import syntax
from hauberk_core.model.cluster import Cluster, Endpoint, HashBy
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.transport import TransportConfig
from hauberk_core.resources import DestinationRule, Service
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.resources.kubernetes.service import ServicePort

GRPC_WEB: Final = "grpc-web"
"""What a port says whose callers may be pages in browsers."""
_OTHER_PROTOCOLS: Final = frozenset(("https", "mongo", "mysql", "redis", "tcp", "tls", "udp"))
_HTTP1: Final = frozenset(("http", "http1", "ws"))
"""A WebSocket begins as a request of HTTP/1.1."""
_HTTP2: Final = frozenset(("grpc", GRPC_WEB, "h2c", "http2"))
_OVER_HTTP2: Final = "|http2"
"""Behind the name of a cluster that is a port's once more, spoken to by HTTP/2."""
INSIDE_TLS: Final = ("https", "tls")
"""What a port may say that a BackendTLSPolicy makes reachable."""
# The bound that the model has for a label's value.
_LONGEST_LABEL: Final = 256


HttpVersion = Literal["http1", "http2", "client"]
"""As clusters have it."""


class Destination(NamedTuple):
    """One port of one service, as a proxy reaches it."""

    clusters: Mapping[str, Cluster]
    """By name, with those of subsets."""
    shares: tuple[tuple[str, int], ...]
    """Among which clusters the requests for the whole service are divided, and each one's weight: its version's, or what its
    endpoints weigh together."""
    findings: tuple[Finding, ...]
    rule: ObjectKey | None = None
    """The DestinationRule that counts for it."""
    traffic_policies: Mapping[str, TrafficPolicy] = MappingProxyType({})
    """What a DestinationRule says of each cluster, by its name; empty without a rule."""


class Source(NamedTuple):
    """What of the proxy that calls goes into clusters."""

    trust_domain: str
    labels: tuple[tuple[str, str], ...]
    """For metrics, under Istio's names."""
    client_certificate: str = ""
    """What it shows to backends that a BackendTLSPolicy is about, by its name in the snapshot; empty: nothing."""
    place: Place = Place()
    """Where it is, with those labels that make a difference."""
    checked: bool = False
    """Whether plugins notice when the endpoints in question fail."""
    undeclared: HttpVersion = "http1"
    """What is spoken to ports that do not say what they speak."""


def facts_that_matter(service: Service, rule: DestinationRule | None, *, checked: bool) -> set[str] | None:
    """Labels of proxies by which they see a service's endpoints differently; None: not even where they are matters."""
    policies = policies_of(rule) if rule is not None else []
    settings = [one.load_balancer.locality_lb_setting for one in policies if one.load_balancer is not None]
    return wanted_facts(service, settings, detects=checked or any(one.outlier_detection is not None for one in policies))


def host_name(service: Service) -> str:
    """The service's full name."""
    return f"{service.metadata.name}.{service.metadata.namespace}.svc.{DNS_DOMAIN}"


def host_names(service: Service, namespace: str) -> tuple[str, ...]:
    """Every name under which workloads of a namespace may call a service."""
    name, own = service.metadata.name, service.metadata.namespace
    short = (name, f"{name}.{own}") if own == namespace else (f"{name}.{own}",)
    # What ends in a number is no host's name (RFC 1123 section 2.1), but a namespace may be called `2024`.
    named = [host for host in short if not host.rpartition(".")[2].isdecimal()]
    return (*named, f"{name}.{own}.svc", f"{name}.{own}.svc.{DNS_DOMAIN}")


def cluster_name(service: Service, port: ServicePort, subset: str = "") -> str:
    """Istio's form of a cluster's name; one of UDP says so, because TCP may have the same number."""
    number = f"{port.port}/udp" if port.protocol == "UDP" else str(port.port)
    return f"outbound|{number}|{subset}|{host_name(service)}"


def declared_protocol(port: ServicePort) -> str:
    """What a port says that it speaks, if that is known here; empty: it does not say.

    `appProtocol` counts before the port's name, whose part before the first dash tells (`http-web`). Source: Istio's protocol
    selection.
    """
    if port.protocol != "TCP":
        return port.protocol
    if port.app_protocol is not None:
        told = port.app_protocol.rpartition("/")[2].lower()
    else:
        told = (port.name or "").lower()
        told = GRPC_WEB if told.startswith(GRPC_WEB) else told.partition("-")[0]
    return told if told in _OTHER_PROTOCOLS or told in _HTTP1 or told in _HTTP2 else ""


def other_protocol(port: ServicePort) -> str:
    """What a port speaks, if it is not HTTP; empty if it is, or does not say."""
    told = declared_protocol(port)
    return told if port.protocol != "TCP" or told in _OTHER_PROTOCOLS else ""


def declares_http(port: ServicePort) -> bool:
    """Whether a port says that it speaks HTTP, in whichever version."""
    told = declared_protocol(port)
    return told in _HTTP1 or told in _HTTP2


def http_version(port: ServicePort, undeclared: HttpVersion) -> HttpVersion:
    """What is spoken to a port. Args: undeclared - where it does not say."""
    told = declared_protocol(port)
    if told in _HTTP2:
        return "http2"
    return "http1" if told else undeclared


def over_http2(found: Destination) -> Destination:
    """The same port spoken to by HTTP/2, whatever it declares, in clusters of their own; where it is anyhow, as it is."""
    names = {name: name + _OVER_HTTP2 for name, cluster in found.clusters.items() if cluster.protocol != "http2"}
    if not names:
        return found
    clusters = {
        names.get(name, name): msgspec.structs.replace(cluster, protocol="http2") for name, cluster in found.clusters.items()
    }
    policies = {names.get(name, name): policy for name, policy in found.traffic_policies.items()}
    shares = tuple([(names.get(name, name), weight) for name, weight in found.shares])
    return found._replace(clusters=clusters, shares=shares, traffic_policies=policies)


def build(
    service: Service,
    port: ServicePort,
    reached: Sequence[Reached],
    rule: DestinationRule | None,
    source: Source,
    secured: PolicyState | None = None,
) -> dict[str, Cluster]:
    """All clusters of a port, those for the whole service first."""
    clusters = _clusters(service, port, "", reached, rule, source, secured)
    for subset in rule.spec.subsets if rule else ():
        own = [one for one in reached if all(one.labels.get(name) == value for name, value in subset.labels.items())]
        clusters |= _clusters(service, port, subset.name, own, rule, source, secured)
    return clusters


def destination(
    service: Service,
    port: ServicePort,
    reached: Sequence[Reached],
    rule: DestinationRule | None,
    source: Source,
    findings: tuple[Finding, ...],
    versions: Versions | None = None,
    secured: PolicyState | None = None,
) -> Destination:
    """A port with everything that follows from it."""
    clusters = build(service, port, reached, rule, source, secured)
    counts = key_of(rule) if rule is not None else None
    if versions is not None:
        weights: list[tuple[int, list[tuple[str, int]]]] = []
        for version, weight in versions.weights:
            own = [one for one in reached if one.labels.get(versions.label) == version]
            made = _clusters(service, port, versions.subset(version, rule), own, rule, source, secured)
            clusters |= made
            weights.append((weight, _weighed(made)))
        return Destination(clusters, divided(weights), findings, counts, _policies(clusters, port, rule))
    whole = cluster_name(service, port)
    shares = _weighed({name: clusters[name] for name in (whole, f"{whole}|plain") if name in clusters})
    # Without any endpoint the one cluster takes all requests, and answers them with 503.
    shared = tuple(shares) if len(shares) > 1 else ((whole, 1),)
    return Destination(clusters, shared, findings, counts, _policies(clusters, port, rule))


def subset_shares(found: Destination, service: Service, port: ServicePort, subset: str) -> tuple[tuple[str, int], ...]:
    """Among which clusters the requests for a subset of a port are divided; none: its rule has no such subset."""
    whole = cluster_name(service, port, subset)
    shares = _weighed({name: found.clusters[name] for name in (whole, f"{whole}|plain") if name in found.clusters})
    return tuple(shares) if len(shares) > 1 else tuple([(name, 1) for name, _ in shares])


def guarded(found: Destination, guards: tuple[PluginConfig, ...]) -> Destination:
    """The same port, with plugins that guard the endpoints of all its clusters."""
    if not guards:
        return found
    clusters = {name: msgspec.structs.replace(cluster, plugins=guards) for name, cluster in found.clusters.items()}
    return found._replace(clusters=clusters)


def _policies(clusters: Iterable[str], port: ServicePort, rule: DestinationRule | None) -> dict[str, TrafficPolicy]:
    """What a rule says of each cluster of a port."""
    return {} if rule is None else {name: effective(rule, port.port, name.split("|")[2]) for name in clusters}


def _weighed(clusters: Mapping[str, Cluster]) -> list[tuple[str, int]]:
    """What the endpoints of each weigh together."""
    return [(name, sum([endpoint.weight for endpoint in cluster.endpoints])) for name, cluster in clusters.items()]


def _clusters(
    service: Service,
    port: ServicePort,
    subset: str,
    reached: Sequence[Reached],
    rule: DestinationRule | None,
    source: Source,
    secured: PolicyState | None,
) -> dict[str, Cluster]:
    """One cluster, or two where some endpoints take the mesh's TLS and some do not."""
    name = cluster_name(service, port, subset)
    own = settings(rule, port.port, subset)
    if port.protocol == "UDP":
        # Nobody secures datagrams here, as in Istio.
        return {name: _cluster(service, port, reached, TransportConfig(), own, source)}
    if secured is not None:
        # The service's owner says how it is reached; where that cannot be told, nobody reaches it in the clear instead.
        if secured.transport is None:
            return {name: _cluster(service, port, (), TransportConfig(), own, source)}
        shown = (source.client_certificate,) if source.client_certificate else ()
        transport = msgspec.structs.replace(secured.transport, certificates=shown)
        return {name: _cluster(service, port, reached, transport, own, source)}
    tls = own.tls
    if tls is None:
        mesh = [one for one in reached if one.mesh]
        plain = [one for one in reached if not one.mesh]
        if mesh and plain:
            return {
                name: _cluster(service, port, mesh, _mesh_transport(mesh, (), source), own, source),
                f"{name}|plain": _cluster(service, port, plain, TransportConfig(), own, source),
            }
        transport = _mesh_transport(mesh, (), source) if mesh else TransportConfig()
        return {name: _cluster(service, port, reached, transport, own, source)}
    if unsupported_tls(tls) is not None:
        return {name: _cluster(service, port, (), TransportConfig(), own, source)}
    if tls.mode == "ISTIO_MUTUAL":
        # Nobody can tell whether an endpoint without service account is who it should be.
        known = list(reached) if tls.subject_alt_names else [one for one in reached if one.account]
        transport = _mesh_transport(known, tls.subject_alt_names, source)
        return {name: _cluster(service, port, known if transport.security == "mesh" else (), transport, own, source)}
    if tls.mode == "SIMPLE":
        transport = TransportConfig(
            security="tls",
            server_name=tls.sni or host_name(service),
            trust_file=tls.ca_certificates or "",
            verify=not tls.insecure_skip_verify,
        )
        return {name: _cluster(service, port, reached, transport, own, source)}
    return {name: _cluster(service, port, reached, TransportConfig(), own, source)}


def _mesh_transport(reached: Sequence[Reached], names: tuple[str, ...], source: Source) -> TransportConfig:
    accounts = {str(SpiffeId(source.trust_domain, one.namespace, one.account)) for one in reached if one.account}
    identities = set(names) or accounts
    return calling_transport(tuple(sorted(identities))) if identities else TransportConfig()


def _cluster(
    service: Service, port: ServicePort, reached: Sequence[Reached], transport: TransportConfig, own: Settings, source: Source
) -> Cluster:
    labels = dict(source.labels)
    labels |= {
        "destination_service": host_name(service),
        "destination_service_name": service.metadata.name,
        "destination_service_namespace": service.metadata.namespace,
    }
    if reached:
        labels |= _common([destination_labels(one.workload, one.namespace, one.labels) for one in reached])
    if len(transport.identities) == 1:
        labels["destination_principal"] = transport.identities[0]
    near = spread(reached, service, own.locality, source.place, detects=own.detects or source.checked)
    endpoints = tuple(
        [
            Endpoint(address=one.address, weight=one.weight, priority=priority, locality=one.locality if near.shares else "")
            for one, priority in zip(reached, near.priorities, strict=True)
            if priority is not None
        ]
    )
    return own.apply(
        Cluster(
            endpoints=endpoints,
            transport=transport,
            labels=labels,
            locality_shares=near.shares,
            protocol=http_version(port, source.undeclared),
        ),
        _usual_balancing(service),
    )


def _usual_balancing(service: Service) -> Balancing:
    """How endpoints are chosen where no DestinationRule says it: as the service asks, else by how busy they are."""
    if service.spec.session_affinity == "ClientIP":
        return Balancing(load_balancing="ring_hash", hash_by=HashBy(source_address=True))
    return Balancing()


def _common(several: Sequence[dict[str, str]]) -> dict[str, str]:
    """What all have alike."""
    return {name: value for name, value in several[0].items() if all(other.get(name) == value for other in several)}


def destination_labels(workload: str, namespace: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Istio's metric labels of a workload that is called."""
    return {f"destination_{name}": value for name, value in _workload_labels(workload, namespace, labels).items()}


def source_labels(workload: str, namespace: str, labels: Mapping[str, str], identity: str) -> tuple[tuple[str, str], ...]:
    """Istio's metric labels of a workload that calls."""
    named = {f"source_{name}": value for name, value in _workload_labels(workload, namespace, labels).items()}
    if _is_label(identity):
        named["source_principal"] = identity
    return tuple(sorted(named.items()))


def _workload_labels(workload: str, namespace: str, labels: Mapping[str, str]) -> dict[str, str]:
    app = labels.get("app", "")
    version = labels.get("version", "")
    named = {
        "workload": workload,
        "workload_namespace": namespace,
        "app": app,
        "version": version,
        "canonical_service": labels.get("service.istio.io/canonical-name", labels.get("app.kubernetes.io/name", app or workload)),
        "canonical_revision": labels.get(
            "service.istio.io/canonical-revision", labels.get("app.kubernetes.io/version", version or "latest")
        ),
    }
    # A proxy's own labels are its own word: what no metric can carry is left out.
    return {name: value for name, value in named.items() if _is_label(value)}


def _is_label(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_LABEL and value.isprintable() and syntax.header_value(value) is None
