"""DestinationRules: which one counts for a caller and a service, and what of it the proxy does."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.security import ROOT_NAMESPACES
from hauberk_core.identity import SpiffeError, parse_uri
from hauberk_core.model import syntax
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import DestinationRule
from hauberk_core.resources.istio.destination_rule import ClientTls, ConnectionPool, LoadBalancer, TrafficPolicy

DNS_DOMAIN: Final = "cluster.local"
"""What Kubernetes' names of services end in."""
# The most that a cluster takes.
_MOST: Final = 1_000_000


class Caller(NamedTuple):
    """Whose requests a rule may be for."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    """Sorted."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of the connections to one port of one service or subset."""

    load_balancing: Literal["least_request", "round_robin"] = "least_request"
    connect_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    max_connections: int = 0
    """0: as many as a cluster has by itself; the same for the next."""
    max_pending: int | None = None
    tls: ClientTls | None = None
    """None: the mesh's where the endpoint takes it."""

    def apply(self, cluster: Cluster) -> Cluster:
        """A cluster with these settings, but for the transport."""
        return msgspec.structs.replace(
            cluster,
            load_balancing=self.load_balancing,
            connect_timeout=self.connect_timeout or cluster.connect_timeout,
            idle_timeout=self.idle_timeout or cluster.idle_timeout,
            max_connections=min(self.max_connections, _MOST) or cluster.max_connections,
            max_pending=cluster.max_pending if self.max_pending is None else min(self.max_pending, _MOST),
        )


class Rules:
    """The DestinationRules of a store; one that is wrong is left out."""

    def __init__(self, store: Store) -> None:
        self.findings: tuple[Finding, ...] = ()
        self._exact: Final[dict[str, list[DestinationRule]]] = {}
        self._wildcards: Final[list[DestinationRule]] = []
        for rule in sorted(store.of(DestinationRule), key=lambda rule: seniority(rule.metadata)):
            mistakes = check_rule(rule)
            self.findings += findings(rule, mistakes)
            if any(mistake.severity == "error" for mistake in mistakes):
                continue
            if rule.spec.host.startswith("*"):
                self._wildcards.append(rule)
            else:
                self._exact.setdefault(_full_name(rule), []).append(rule)
        self._wildcards.sort(key=lambda rule: -len(rule.spec.host))

    def find(self, host: str, namespace: str, caller: Caller) -> DestinationRule | None:
        """The rule for a service: of the caller's namespace, else of the service's, else of the mesh's.

        Of several there the most specific counts, then the oldest.

        Args: host - the service's full name; namespace - the service's.
        """
        candidates: list[DestinationRule] = list(self._exact.get(host, []))
        candidates += [rule for rule in self._wildcards if host.endswith(rule.spec.host[1:])]
        if not candidates:
            return None
        for place in (caller.namespace, namespace, *ROOT_NAMESPACES):
            for rule in candidates:
                if rule.metadata.namespace == place and _is_for(rule, caller):
                    return rule
        return None


def _full_name(rule: DestinationRule) -> str:
    host = rule.spec.host.removesuffix(".")
    match host.split("."):
        case [name]:
            return f"{name}.{rule.metadata.namespace}.svc.{DNS_DOMAIN}"
        case [name, namespace] | [name, namespace, "svc"]:
            return f"{name}.{namespace}.svc.{DNS_DOMAIN}"
        case _:
            return host


def _is_for(rule: DestinationRule, caller: Caller) -> bool:
    own = rule.metadata.namespace == caller.namespace
    exported = rule.spec.export_to
    if exported and "*" not in exported and caller.namespace not in exported and not (own and "." in exported):
        return False
    selector = rule.spec.workload_selector
    return selector is None or (own and selector.matches(dict(caller.labels)))


def settings(rule: DestinationRule | None, port: int, subset: str = "") -> Settings:
    """What a rule says of a port; a subset's own policy goes before the whole host's, piece by piece.

    Settings for a port replace all others: what they leave out has its default. Source: Istio's DestinationRule reference.
    """
    if rule is None:
        return Settings()
    policies = [rule.spec.traffic_policy]
    policies += [own.traffic_policy for own in rule.spec.subsets if subset and own.name == subset]
    load_balancer: LoadBalancer | None = None
    pool: ConnectionPool | None = None
    tls: ClientTls | None = None
    for policy in policies:
        if policy is None:
            continue
        for_port = next((own for own in policy.port_level_settings if own.port.number == port), None)
        if for_port is not None:
            load_balancer, pool, tls = for_port.load_balancer, for_port.connection_pool, for_port.tls
        else:
            load_balancer = policy.load_balancer or load_balancer
            pool = policy.connection_pool or pool
            tls = policy.tls or tls
    tcp = pool.tcp if pool else None
    http = pool.http if pool else None
    return Settings(
        load_balancing="round_robin" if load_balancer and load_balancer.simple == "ROUND_ROBIN" else "least_request",
        connect_timeout=_bounded(tcp.connect_timeout if tcp else None),
        idle_timeout=_bounded(http.idle_timeout if http else None),
        max_connections=(tcp.max_connections if tcp else None) or 0,
        max_pending=http.http1_max_pending_requests if http else None,
        tls=tls,
    )


def _bounded(duration: Duration | None) -> Duration | None:
    return None if duration is None else Duration(min(duration.seconds, LONGEST_SECONDS))


def check_rule(rule: DestinationRule) -> list[Mistake]:
    """What is wrong with a rule, and as warnings what of it the proxy does not do."""
    mistakes: list[Mistake] = []
    _check_policy(rule.spec.traffic_policy, ("spec", "trafficPolicy"), mistakes)
    names: set[str] = set()
    for index, subset in enumerate(rule.spec.subsets):
        path: Path = ("spec", "subsets", index)
        fault = syntax.resource_name(subset.name)
        if fault is not None or "|" in subset.name or len(subset.name) > 63:
            message = f"{quote(subset.name)} is no name of a subset"
            mistakes.append(Mistake((*path, "name"), message, "write at most 63 letters, digits and dashes, for example v2"))
        if subset.name in names:
            message = f"a second subset {quote(subset.name)}"
            mistakes.append(Mistake((*path, "name"), message, "keep or rename one of the two"))
        names.add(subset.name)
        _check_policy(subset.traffic_policy, (*path, "trafficPolicy"), mistakes)
    return mistakes


def _check_policy(policy: TrafficPolicy | None, path: Path, mistakes: list[Mistake]) -> None:
    if policy is None:
        return
    _warn(
        path,
        [("tunnel", policy.tunnel), ("proxyProtocol", policy.proxy_protocol), ("retryBudget", policy.retry_budget)],
        mistakes,
    )
    whole = (policy.load_balancer, policy.connection_pool, policy.outlier_detection, policy.tls)
    pieces = [(path, whole)]
    for index, own in enumerate(policy.port_level_settings):
        place = (*path, "portLevelSettings", index)
        pieces.append((place, (own.load_balancer, own.connection_pool, own.outlier_detection, own.tls)))
    for place, (load_balancer, pool, outliers, tls) in pieces:
        _warn(place, [("outlierDetection", outliers)], mistakes)
        _check_load_balancer(load_balancer, (*place, "loadBalancer"), mistakes)
        _check_pool(pool, (*place, "connectionPool"), mistakes)
        if tls is not None:
            _check_tls(tls, (*place, "tls"), mistakes)


def _check_load_balancer(load_balancer: LoadBalancer | None, path: Path, mistakes: list[Mistake]) -> None:
    if load_balancer is None:
        return
    undone: list[tuple[str, object]] = [
        ("consistentHash", load_balancer.consistent_hash),
        ("localityLbSetting", load_balancer.locality_lb_setting),
        ("warmupDurationSecs", load_balancer.warmup_duration_secs),
        ("warmup", load_balancer.warmup),
    ]
    _warn(path, undone, mistakes)
    if load_balancer.simple in ("RANDOM", "PASSTHROUGH"):
        message = f"{load_balancer.simple} is not done yet: the endpoint with the fewest requests is taken"
        mistakes.append(Mistake((*path, "simple"), message, "write LEAST_REQUEST or ROUND_ROBIN", "warning"))


def _check_pool(pool: ConnectionPool | None, path: Path, mistakes: list[Mistake]) -> None:
    tcp = pool.tcp if pool else None
    http = pool.http if pool else None
    if tcp is not None:
        undone = [
            ("tcpKeepalive", tcp.tcp_keepalive),
            ("maxConnectionDuration", tcp.max_connection_duration),
            ("idleTimeout", tcp.idle_timeout),
        ]
        _warn((*path, "tcp"), undone, mistakes)
    if http is not None:
        numbers = [
            ("http2MaxRequests", http.http2_max_requests),
            ("maxRequestsPerConnection", http.max_requests_per_connection),
            ("maxRetries", http.max_retries),
            ("maxConcurrentStreams", http.max_concurrent_streams),
            ("useClientProtocol", http.use_client_protocol or None),
            ("h2UpgradePolicy", True if http.h2_upgrade_policy == "UPGRADE" else None),
        ]
        _warn((*path, "http"), numbers, mistakes)


def unsupported_tls(tls: ClientTls) -> tuple[str, str] | None:
    """What of these settings the proxy cannot do, and the field. Connections are then refused: half of a protection is none."""
    if tls.mode == "MUTUAL":
        return "mode", "MUTUAL with certificates of its own is not done yet"
    if tls.credential_name:
        return "credentialName", "certificates from Secrets are not taken for callers yet"
    if tls.ca_crl:
        return "caCrl", "revocation lists are not read yet"
    if tls.mode == "SIMPLE" and tls.subject_alt_names not in ((), (tls.sni,)):
        return "subjectAltNames", "other names than the server's are not compared yet"
    if tls.mode == "ISTIO_MUTUAL" and not all(_is_identity(name) for name in tls.subject_alt_names):
        return "subjectAltNames", "in the mesh nobody has another name than a SPIFFE ID"
    return None


def _is_identity(text: str) -> bool:
    try:
        parse_uri(text)
    except SpiffeError:
        return False
    return True


def _check_tls(tls: ClientTls, path: Path, mistakes: list[Mistake]) -> None:
    undone = unsupported_tls(tls)
    if undone is not None:
        field, message = undone
        hint = "use ISTIO_MUTUAL in the mesh, or SIMPLE with sni and caCertificates outside"
        message = f"{message}: requests to this host are answered with 503"
        mistakes.append(Mistake((*path, field), message, hint, "warning"))
    if tls.sni and (tls.sni.startswith("*") or syntax.host_pattern(tls.sni) is not None):
        mistakes.append(
            Mistake((*path, "sni"), f"{quote(tls.sni)} is no server name", "write the name in the server's certificate")
        )


def _warn(path: Path, given: Sequence[tuple[str, object]], mistakes: list[Mistake]) -> None:
    for field, value in given:
        if value is not None:
            message = f"{field} is not done yet and has no effect"
            mistakes.append(Mistake((*path, field), message, "leave it out until it is supported", "warning"))
