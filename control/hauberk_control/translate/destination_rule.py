"""DestinationRules: which one counts for a caller and a service, and what of it the proxy does."""

from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.load_balancer import Balancing, balancing, check_load_balancer
from hauberk_control.translate.nearness import check_locality
from hauberk_control.translate.precedence import seniority
from hauberk_core.identity import SpiffeError, parse_uri
from hauberk_core.model import syntax
from hauberk_core.model.cluster import Cluster, RetryBudget, TcpKeepalive
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import DestinationRule
from hauberk_core.resources.istio.destination_rule import (
    ClientTls,
    ConnectionPool,
    HttpSettings,
    LocalityLbSetting,
    OutlierDetection,
    PortTrafficPolicy,
    TrafficPolicy,
)
from hauberk_core.resources.istio.destination_rule import RetryBudget as RetryBudgetSection
from hauberk_core.resources.istio.destination_rule import TcpKeepalive as TcpKeepaliveSection
from hauberk_core.resources.istio.mesh_config import ROOT_NAMESPACES

DNS_DOMAIN: Final = "cluster.local"
"""What Kubernetes' names of services end in."""
ISTIO_CONNECT_TIMEOUT: Final = Duration(10.0)
ISTIO_IDLE_TIMEOUT: Final = Duration(3600.0)
"""Istio's defaults, which its users know."""
PROXY_PING_INTERVAL: Final = Duration(30.0)
"""How long a proxy of the mesh is silent on a connection of HTTP/2 in use before it is asked whether it is there."""
# The most that a cluster takes.
_MOST: Final = 1_000_000
_MOST_REQUESTS: Final = 1 << 29
_MOST_PROBES: Final = 127
_WHOLE_PERCENT: Final = 100
_LONGEST_FILE_NAME: Final = 4096
"""What a system opens at most."""

ProxyVersion = Literal["", "v1", "v2"]
_PROXY_PROTOCOL: Final[dict[str, ProxyVersion]] = {"V1": "v1", "V2": "v2"}


class Caller(NamedTuple):
    """Whose requests a rule may be for."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    """Sorted."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of the connections to one port of one service or subset. Unset limits are the cluster's own."""

    balancing: Balancing | None = None
    """None: it does not say which endpoint is chosen."""
    connect_timeout: Duration = ISTIO_CONNECT_TIMEOUT
    idle_timeout: Duration = ISTIO_IDLE_TIMEOUT
    max_connections: int = 0
    """0: not set; the same for the other numbers."""
    max_pending: int = 0
    max_requests_per_connection: int = 0
    max_concurrent_streams: int = 0
    speaks: Literal["declared", "http1", "http2", "client"] = "declared"
    """To endpoints: what the port declares; else what h2UpgradePolicy or useClientProtocol say."""
    max_connection_duration: Duration = Duration(0.0)
    tcp_keepalive: TcpKeepalive | None = None
    tls: ClientTls | None = None
    """None: the mesh's where the endpoint takes it."""
    proxy_protocol: ProxyVersion = ""
    locality: LocalityLbSetting | None = None
    """Which endpoints are near; None: not set."""
    detects: bool = False
    """Whether endpoints that fail are noticed."""
    panic_percent: int = 0
    retry_budget: RetryBudget = RetryBudget()

    def apply(self, cluster: Cluster, usual: Balancing) -> Cluster:
        """A cluster with these settings, but for the transport. Args: usual - how an endpoint is chosen where they do not say."""
        own = self.balancing or usual
        return msgspec.structs.replace(
            cluster,
            load_balancing=own.load_balancing,
            hash_by=own.hash_by,
            hash_table_size=own.hash_table_size,
            warmup=own.warmup,
            connect_timeout=self.connect_timeout,
            idle_timeout=self.idle_timeout,
            max_connections=min(self.max_connections, _MOST) or cluster.max_connections,
            max_pending=min(self.max_pending, _MOST) or cluster.max_pending,
            max_requests_per_connection=min(self.max_requests_per_connection, _MOST_REQUESTS),
            protocol=self._protocol(cluster),
            max_concurrent_streams=self.max_concurrent_streams or cluster.max_concurrent_streams,
            # Servers of gRPC take frequent questions for a flood; proxies of the mesh do not.
            ping_interval=PROXY_PING_INTERVAL if cluster.transport.security == "mesh" else cluster.ping_interval,
            max_connection_duration=self.max_connection_duration,
            tcp_keepalive=self.tcp_keepalive,
            proxy_protocol=self.proxy_protocol,
            panic_percent=self.panic_percent,
            retry_budget=self.retry_budget,
        )

    def _protocol(self, cluster: Cluster) -> Literal["http1", "http2", "alpn", "client"]:
        """What is spoken to endpoints of a cluster, whose own is what the port declares: with `http1`, or nothing (`client`)."""
        if self.speaks == "client":
            return "client"
        if cluster.protocol == "http2":
            return "http2"
        if self.speaks == "http2" and cluster.protocol == "http1":
            return "http2"
        if cluster.transport.security == "tls":
            # A server outside of the mesh, which says in TLS what it prefers.
            return "http1" if self.speaks == "http1" else "alpn"
        return cluster.protocol


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
                self._exact.setdefault(full_name(rule.spec.host, rule.metadata.namespace), []).append(rule)
        self._wildcards.sort(key=lambda rule: -len(rule.spec.host))

    def without_service(self, hosts: Collection[str]) -> tuple[Finding, ...]:
        """A warning for each rule whose host nothing is called. Args: hosts - full names of services."""
        found: list[Finding] = []
        for host, rules in self._exact.items():
            if host not in hosts:
                message = f"no Service is called {quote(host)}, so that the rule has no effect"
                hint = "correct the name, or remove the rule"
                found += [one for rule in rules for one in findings(rule, [Mistake(("spec", "host"), message, hint, "warning")])]
        return tuple(found)

    def subsets(self, host: str) -> set[str]:
        """The names of a host's subsets, whichever rule makes them. Args: host - the service's full name."""
        return {subset.name for rule in self._concerning(host) for subset in rule.spec.subsets}

    def _concerning(self, host: str) -> list[DestinationRule]:
        """The most specific first, then the oldest."""
        return [*self._exact.get(host, []), *[rule for rule in self._wildcards if host.endswith(rule.spec.host[1:])]]

    def find(self, host: str, namespace: str, caller: Caller) -> DestinationRule | None:
        """The rule for a service: of the caller's namespace, else of the service's, else of the mesh's.

        Of several there the most specific counts, then the oldest.

        Args: host - the service's full name; namespace - the service's.
        """
        candidates = self._concerning(host)
        if not candidates:
            return None
        for place in (caller.namespace, namespace, *ROOT_NAMESPACES):
            for rule in candidates:
                if rule.metadata.namespace == place and _is_for(rule, caller):
                    return rule
        return None


def full_name(host: str, namespace: str) -> str:
    """The full name of a service as an object names it. Args: namespace - the object's."""
    host = host.removesuffix(".")
    match host.split("."):
        case [name]:
            return f"{name}.{namespace}.svc.{DNS_DOMAIN}"
        case [name, own] | [name, own, "svc"]:
            return f"{name}.{own}.svc.{DNS_DOMAIN}"
        case _:
            return host


def _is_for(rule: DestinationRule, caller: Caller) -> bool:
    own = rule.metadata.namespace == caller.namespace
    exported = rule.spec.export_to
    if exported and "*" not in exported and caller.namespace not in exported and not (own and "." in exported):
        return False
    selector = rule.spec.workload_selector
    return selector is None or (own and selector.matches(dict(caller.labels)))


def effective(rule: DestinationRule, port: int, subset: str = "") -> TrafficPolicy:
    """What a rule says of a port; a subset's own policy goes before the whole host's, piece by piece.

    Settings for a port replace all others but the PROXY protocol, for which a port has none: what they leave out has its default.
    Source: Istio's DestinationRule reference.
    """
    policies = [rule.spec.traffic_policy]
    policies += [own.traffic_policy for own in rule.spec.subsets if subset and own.name == subset]
    found = TrafficPolicy()
    for policy in policies:
        if policy is None:
            continue
        for_port = next((own for own in policy.port_level_settings if own.port.number == port), None)
        if for_port is not None:
            found = TrafficPolicy(
                load_balancer=for_port.load_balancer,
                connection_pool=for_port.connection_pool,
                outlier_detection=for_port.outlier_detection,
                tls=for_port.tls,
                retry_budget=policy.retry_budget or found.retry_budget,
                proxy_protocol=policy.proxy_protocol or found.proxy_protocol,
            )
        else:
            found = TrafficPolicy(
                load_balancer=policy.load_balancer or found.load_balancer,
                connection_pool=policy.connection_pool or found.connection_pool,
                outlier_detection=policy.outlier_detection or found.outlier_detection,
                tls=policy.tls or found.tls,
                retry_budget=policy.retry_budget or found.retry_budget,
                proxy_protocol=policy.proxy_protocol or found.proxy_protocol,
            )
    return found


def policies_of(rule: DestinationRule) -> list[TrafficPolicy | PortTrafficPolicy]:
    """Everything that a rule says anywhere, in no order."""
    whole = [rule.spec.traffic_policy, *[subset.traffic_policy for subset in rule.spec.subsets]]
    told = [policy for policy in whole if policy is not None]
    return [*told, *[own for policy in told for own in policy.port_level_settings]]


def settings(rule: DestinationRule | None, port: int, subset: str = "") -> Settings:
    """What a rule says of the connections to a port."""
    if rule is None:
        return Settings()
    policy = effective(rule, port, subset)
    pool = policy.connection_pool
    tcp = pool.tcp if pool else None
    http = pool.http if pool else None
    return Settings(
        balancing=balancing(policy.load_balancer),
        connect_timeout=_bounded(tcp.connect_timeout if tcp else None, ISTIO_CONNECT_TIMEOUT),
        idle_timeout=_bounded(http.idle_timeout if http else None, ISTIO_IDLE_TIMEOUT),
        max_connections=(tcp.max_connections if tcp else None) or 0,
        max_pending=(http.http1_max_pending_requests if http else None) or 0,
        max_requests_per_connection=(http.max_requests_per_connection if http else None) or 0,
        max_concurrent_streams=(http.max_concurrent_streams if http else None) or 0,
        speaks=_speaks(http),
        max_connection_duration=_bounded(tcp.max_connection_duration if tcp else None, Duration(0.0)),
        tcp_keepalive=_keepalive(tcp.tcp_keepalive if tcp else None),
        tls=policy.tls,
        proxy_protocol=_PROXY_PROTOCOL[policy.proxy_protocol.version] if policy.proxy_protocol is not None else "",
        locality=policy.load_balancer.locality_lb_setting if policy.load_balancer is not None else None,
        detects=policy.outlier_detection is not None,
        retry_budget=_retry_budget(policy.retry_budget),
        panic_percent=(policy.outlier_detection.min_health_percent or 0) if policy.outlier_detection is not None else 0,
    )


def _retry_budget(told: RetryBudgetSection | None) -> RetryBudget:
    usual = RetryBudget()
    if told is None:
        return usual
    least = told.min_retry_concurrency
    return RetryBudget(
        percent=usual.percent if told.percent is None else told.percent,
        least=usual.least if least is None else min(least, _MOST),
    )


def _speaks(http: HttpSettings | None) -> Literal["declared", "http1", "http2", "client"]:
    if http is None:
        return "declared"
    if http.use_client_protocol:
        return "client"
    if http.h2_upgrade_policy == "UPGRADE":
        return "http2"
    return "http1" if http.h2_upgrade_policy == "DO_NOT_UPGRADE" else "declared"


def _keepalive(told: TcpKeepaliveSection | None) -> TcpKeepalive | None:
    if told is None:
        return None
    return TcpKeepalive(
        probes=min(told.probes or 0, _MOST_PROBES),
        time=_bounded(told.time, Duration(0.0)),
        interval=_bounded(told.interval, Duration(0.0)),
    )


def _bounded(duration: Duration | None, default: Duration) -> Duration:
    return default if duration is None else Duration(min(duration.seconds, LONGEST_SECONDS))


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
    _warn(path, [("tunnel", policy.tunnel)], mistakes)
    percent = policy.retry_budget.percent if policy.retry_budget is not None else None
    if percent is not None and not 0 <= percent <= _WHOLE_PERCENT:
        message = f"{percent} is no share in percent"
        mistakes.append(Mistake((*path, "retryBudget", "percent"), message, "write a number from 0 to 100"))
    whole = (policy.load_balancer, policy.connection_pool, policy.outlier_detection, policy.tls)
    pieces = [(path, whole)]
    for index, own in enumerate(policy.port_level_settings):
        place = (*path, "portLevelSettings", index)
        pieces.append((place, (own.load_balancer, own.connection_pool, own.outlier_detection, own.tls)))
    for place, (load_balancer, pool, outliers, tls) in pieces:
        _check_outliers(outliers, (*place, "outlierDetection"), mistakes)
        check_load_balancer(load_balancer, (*place, "loadBalancer"), mistakes)
        if load_balancer is not None and load_balancer.locality_lb_setting is not None:
            where = (*place, "loadBalancer", "localityLbSetting")
            check_locality(load_balancer.locality_lb_setting, where, detects=outliers is not None, mistakes=mistakes)
        _check_pool(pool, (*place, "connectionPool"), mistakes)
        if tls is not None:
            _check_tls(tls, (*place, "tls"), mistakes)


def _check_pool(pool: ConnectionPool | None, path: Path, mistakes: list[Mistake]) -> None:
    tcp = pool.tcp if pool else None
    http = pool.http if pool else None
    if tcp is not None:
        _check_time(tcp.connect_timeout, (*path, "tcp", "connectTimeout"), mistakes)
        if tcp.idle_timeout is not None:
            message = "connections that are not HTTP end after an hour without octets, whatever this says"
            hint = "leave it out; for HTTP write it under connectionPool.http"
            mistakes.append(Mistake((*path, "tcp", "idleTimeout"), message, hint, "warning"))
    if http is not None and http.use_client_protocol and http.h2_upgrade_policy == "UPGRADE":
        message = "useClientProtocol counts, so that h2UpgradePolicy UPGRADE has no effect"
        hint = "keep one of the two"
        mistakes.append(Mistake((*path, "http", "h2UpgradePolicy"), message, hint, "warning"))


def _check_outliers(outliers: OutlierDetection | None, path: Path, mistakes: list[Mistake]) -> None:
    if outliers is None:
        return
    _check_time(outliers.interval, (*path, "interval"), mistakes)
    _check_time(outliers.base_ejection_time, (*path, "baseEjectionTime"), mistakes)
    if outliers.consecutive_errors:
        message = "consecutiveErrors is old: it counts 502, 503 and 504 alone"
        hint = "write consecutiveGatewayErrors, or consecutive5xxErrors for every answer of 500 and above"
        mistakes.append(Mistake((*path, "consecutiveErrors"), message, hint, "warning"))


def _check_time(duration: Duration | None, path: Path, mistakes: list[Mistake]) -> None:
    if duration is not None and duration.seconds <= 0:
        mistakes.append(Mistake(path, "0s is no time here", "write at least 1ms"))


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
    if "\0" in (tls.ca_certificates or "") or len(tls.ca_certificates or "") > _LONGEST_FILE_NAME:
        message = "this cannot be the path of a file"
        mistakes.append(Mistake((*path, "caCertificates"), message, "write where proxies have the authorities, in PEM"))
    if tls.sni and (tls.sni.startswith("*") or syntax.host_pattern(tls.sni) is not None):
        mistakes.append(
            Mistake((*path, "sni"), f"{quote(tls.sni)} is no server name", "write the name in the server's certificate")
        )


def _warn(path: Path, given: Sequence[tuple[str, object]], mistakes: list[Mistake]) -> None:
    for field, value in given:
        if value is not None:
            message = f"{field} is not done yet and has no effect"
            mistakes.append(Mistake((*path, field), message, "leave it out until it is supported", "warning"))
