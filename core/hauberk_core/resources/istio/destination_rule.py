"""DestinationRule."""

from typing import Annotated, ClassVar, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.duration import IstioDuration
from hauberk_core.resources.istio.selector import WorkloadSelector
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Labels
from hauberk_core.resources.part import Count, Part, Percent, PortNumber, repeated


class HttpCookie(Part, frozen=True, kw_only=True):
    """A cookie to hash by; with a lifetime it is made where it is absent."""

    name: str
    path: str | None = None
    ttl: IstioDuration | None = None


class RingHash(Part, frozen=True, kw_only=True):
    """A ring of at least so many virtual nodes."""

    minimum_ring_size: Count | None = None


class MagLev(Part, frozen=True, kw_only=True):
    """A table of so many (a prime number of) entries."""

    table_size: Count | None = None


class ConsistentHash(Part, frozen=True, kw_only=True):
    """What of a request to hash by (one of the first four), and how."""

    http_header_name: str | None = None
    http_cookie: HttpCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: Count | None = None

    def mistakes(self) -> list[Mistake]:
        keys = (self.http_header_name, self.http_cookie, self.use_source_ip, self.http_query_parameter_name)
        if sum(key is not None for key in keys) != 1:
            message = "hashing needs exactly one thing to hash by"
            return [Mistake((), message, "write one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName")]
        if self.ring_hash is not None and self.maglev is not None:
            return [Mistake(("maglev",), "both ringHash and maglev", "remove one of the two")]
        return []


class LocalityDistribute(Part, frozen=True, kw_only=True):
    """Shares, in percent, of what comes from one locality."""

    from_: str = msgspec.field(name="from")
    to: dict[str, Percent]


class LocalityFailover(Part, frozen=True, kw_only=True):
    """Where to go when a region has failed."""

    from_: str = msgspec.field(name="from")
    to: str


class LocalityLbSetting(Part, frozen=True, kw_only=True):
    """How near endpoints are preferred."""

    distribute: tuple[LocalityDistribute, ...] = ()
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class Warmup(Part, frozen=True, kw_only=True):
    """How a new endpoint's share grows."""

    duration: IstioDuration
    minimum_percent: float | None = None
    aggression: float | None = None


class LoadBalancer(Part, frozen=True, kw_only=True):
    """How an endpoint is chosen."""

    simple: Literal["UNSPECIFIED", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN"] | None = None
    """LEAST_CONN is the old name of LEAST_REQUEST."""
    consistent_hash: ConsistentHash | None = None
    locality_lb_setting: LocalityLbSetting | None = None
    warmup_duration_secs: IstioDuration | None = None
    warmup: Warmup | None = None

    def mistakes(self) -> list[Mistake]:
        if self.simple not in (None, "UNSPECIFIED") and self.consistent_hash is not None:
            return [Mistake(("consistentHash",), "both simple and consistentHash", "remove one of the two")]
        return []


class TcpKeepalive(Part, frozen=True, kw_only=True):
    """When and how often to ask whether the peer is still there."""

    probes: Count | None = None
    time: IstioDuration | None = None
    interval: IstioDuration | None = None


class TcpSettings(Part, frozen=True, kw_only=True):
    """Bounds on connections."""

    max_connections: Count | None = None
    connect_timeout: IstioDuration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: IstioDuration | None = None
    idle_timeout: IstioDuration | None = None


class HttpSettings(Part, frozen=True, kw_only=True):
    """Bounds on requests."""

    http1_max_pending_requests: Count | None = None
    http2_max_requests: Count | None = None
    """In spite of its name, of HTTP/1.1 too."""
    max_requests_per_connection: Count | None = None
    """0: no limit; 1: no keep-alive."""
    max_retries: Count | None = None
    idle_timeout: IstioDuration | None = None
    h2_upgrade_policy: Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] = "DEFAULT"
    use_client_protocol: bool = False
    max_concurrent_streams: Count | None = None


class ConnectionPool(Part, frozen=True, kw_only=True):
    """Bounds on what is under way to one destination."""

    tcp: TcpSettings | None = None
    http: HttpSettings | None = None


class OutlierDetection(Part, frozen=True, kw_only=True):
    """When an endpoint that fails is left out for a while; 0 switches a criterion off."""

    consecutive_5xx_errors: Count | None = msgspec.field(default=None, name="consecutive5xxErrors")
    consecutive_gateway_errors: Count | None = None
    """502, 503, 504, and connections that fail."""
    consecutive_local_origin_failures: Count | None = None
    split_external_local_origin_errors: bool = False
    consecutive_errors: Count | None = None
    """As `consecutiveGatewayErrors`, and answers of 500 and other 5xx do not count; old."""
    interval: IstioDuration | None = None
    base_ejection_time: IstioDuration | None = None
    max_ejection_percent: Percent | None = None
    min_health_percent: Percent | None = None


class ClientTls(Part, frozen=True, kw_only=True):
    """How connections to the destination are secured."""

    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] = "DISABLE"
    client_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None
    ca_crl: str | None = None
    credential_name: str | None = None
    subject_alt_names: tuple[str, ...] = ()
    sni: str | None = None
    insecure_skip_verify: bool | None = None

    def mistakes(self) -> list[Mistake]:
        if self.mode == "MUTUAL" and not self.credential_name and not (self.client_certificate and self.private_key):
            return [
                Mistake(
                    ("mode",), "MUTUAL without a certificate to show", "add credentialName, or clientCertificate and privateKey"
                )
            ]
        return []


class PortSelector(Part, frozen=True, kw_only=True):
    """A port of the service."""

    number: PortNumber


class PortTrafficPolicy(Part, frozen=True, kw_only=True):
    """Settings for one port; they replace the destination's, field by field."""

    port: PortSelector
    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None


class Tunnel(Part, frozen=True, kw_only=True):
    """Carry TCP through an HTTP proxy."""

    target_host: str
    target_port: PortNumber
    protocol: Literal["CONNECT", "POST"] = "CONNECT"


class ProxyProtocol(Part, frozen=True, kw_only=True):
    """Tell the destination whose connection it is."""

    version: Literal["V1", "V2"] = "V1"


class RetryBudget(Part, frozen=True, kw_only=True):
    """Which share of the active requests may be retries."""

    percent: float | None = None
    min_retry_concurrency: Count | None = None


class TrafficPolicy(Part, frozen=True, kw_only=True):
    """How a destination is spoken to."""

    load_balancer: LoadBalancer | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTls | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: Tunnel | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None

    def mistakes(self) -> list[Mistake]:
        return repeated("portLevelSettings", [one.port.number for one in self.port_level_settings], "policy for the port")


class Subset(Part, frozen=True, kw_only=True):
    """Those endpoints of the host that have these labels, under a name of their own."""

    name: str
    labels: Labels = msgspec.field(default_factory=dict)
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Part, frozen=True, kw_only=True):
    """For which host, and how."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    """A full name, a short one that is completed with the rule's own namespace, or `*.name`."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None

    def mistakes(self) -> list[Mistake]:
        return repeated("subsets", [subset.name for subset in self.subsets], "subset called")


class DestinationRule(Resource, frozen=True, kw_only=True):
    """What applies to requests once it is decided where they go."""

    GROUP: ClassVar[str] = "networking.istio.io"
    KIND: ClassVar[str] = "DestinationRule"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")

    spec: DestinationRuleSpec
