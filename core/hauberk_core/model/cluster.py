"""A group of endpoints that serve the same thing."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.transport import TransportConfig

LARGEST_HASH_TABLE = 65537
"""Entries of Maglev's table: with 655 endpoints, none has much more than a hundredth more than another. Envoy's default."""
LARGEST_HASH_RING = 16384
"""Places on a ring, in place of which sorting more would hold a loop for too long."""
DEFAULT_HASH_RING = 1024
MOST_PRIORITIES = 128
"""As many as Envoy has."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One place where a cluster can be reached."""

    address: str
    """`host:port` or `[v6]:port`; a name is resolved beside the reactor, again and again."""
    weight: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """Its part of the requests, in proportion to the others' weights. Each address that a name has gets the whole of it."""
    priority: Annotated[int, msgspec.Meta(ge=0, le=MOST_PRIORITIES - 1)] = 0
    """Endpoints of the smallest number are preferred, for as long as enough of them are in service."""
    locality: str = ""
    """Where it is: `region/zone/sub-zone`, as far as it is known."""


class HashBy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a request decides where it belongs: exactly one of the first four."""

    header: str = ""
    """The value of its first field of this name."""
    cookie: str = ""
    """The value of its first cookie of this name."""
    query: str = ""
    """The value of its first query parameter of this name."""
    source_address: bool = False
    """The client's address, without its port."""
    cookie_lifetime: Duration | None = None
    """A client that brings no cookie is given one, for so long; `0s`: until its browser ends. Absent: it is given none."""
    cookie_path: str = "/"
    """Of that cookie."""


class Warmup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the share of a new endpoint grows (slow start)."""

    duration: Duration
    """Until it has its whole share; at least `1s`."""
    minimum_percent: Annotated[float, msgspec.Meta(gt=0, le=100)] = 10.0
    """Of its share, that it has at once. Envoy's default."""
    aggression: Annotated[float, msgspec.Meta(ge=1, le=100)] = 1.0
    """1: it grows evenly; more: faster at the beginning."""


class RetryBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many retries of one worker may be under way at a time; what is beyond is not sent again. Envoy's defaults."""

    percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 20.0
    """Of the requests under way."""
    least: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 3
    """So many may always be."""


class TcpKeepalive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Probes of the kernel on connections where nothing moves; 0: as the system has it."""

    probes: Annotated[int, msgspec.Meta(ge=0, le=127)] = 0
    """A connection is given up after so many unanswered ones."""
    time: Duration = Duration(0.0)
    """How long nothing moves before the first; in whole seconds, at least one."""
    interval: Duration = Duration(0.0)
    """Between two; in whole seconds, at least one."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Endpoints, and how to choose, reach and reuse them."""

    endpoints: tuple[Endpoint, ...] = ()
    """Without any, requests are answered with 503."""
    reach: Literal["endpoints", "original_destination", "nothing"] = "endpoints"
    """`original_destination`: what captured connections bring goes where they were going; `nothing`: requests are answered with
    502 and other connections reset, because nothing may leave the mesh here."""
    source_addresses: tuple[str, ...] = ()
    """Addresses of this machine that its connections come from, one of each family; empty: the system's choice."""
    load_balancing: Literal["least_request", "round_robin", "random", "ring_hash", "maglev"] = "least_request"
    """`least_request`: of two endpoints drawn at random the one with fewer requests; `round_robin`: each in turn; `random`: any;
    `ring_hash`, `maglev`: requests that have in common what `hash_by` says go to one, and a change of endpoints moves few."""
    hash_by: HashBy | None = None
    """What `ring_hash` and `maglev` go by. A request that lacks it goes anywhere."""
    hash_table_size: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_HASH_TABLE)] = 0
    """`maglev`: entries of its table, a prime; 0: 65537. `ring_hash`: the fewest places on its ring, at most 16384; 0: 1024."""
    locality_shares: dict[str, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]] = {}
    """By which the requests of a level of priority are divided among the localities of its endpoints, before one is chosen there.
    Endpoints of other localities get nothing then. Empty: only the endpoints' weights count."""
    panic_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """With a smaller part of a level's endpoints in service all of it is used, where other levels cannot take over; 0: never."""
    warmup: Warmup | None = None
    """For `least_request` and `round_robin`: endpoints that come beside others begin with a small share; absent: they do not."""
    transport: TransportConfig = TransportConfig()
    """How its connections are secured."""
    codec: Literal["strict", "h11"] = "strict"
    """The HTTP/1.1 machine: ours, or h11 behind the same seam (more lenient)."""
    http2_codec: Literal["strict", "h2"] = "strict"
    """The HTTP/2 machine: ours, or h2 behind the same seam."""
    protocol: Literal["http1", "http2", "alpn", "client"] = "http1"
    """What is spoken to endpoints: HTTP/1.1; HTTP/2, which they are known to speak; what they choose in TLS (HTTP/1.1 in
    the clear); or with `client` HTTP/2 for requests that came by it, and HTTP/1.1 for others."""
    max_concurrent_streams: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)] = 128
    """Requests at a time on one connection of HTTP/2, of those that the endpoint allows; never more than 128."""
    ping_interval: Duration = Duration(0.0)
    """When nothing has come for so long on a connection of HTTP/2 in use, its endpoint is asked whether it is there. `0s`: it is
    asked once, behind a request that waited in vain. Servers of gRPC close connections on which they are asked oftener than every
    five minutes."""
    ping_timeout: Duration = Duration(10.0)
    """An endpoint that says nothing for so long behind that question is given up, with all requests on the connection."""
    connect_timeout: Duration = Duration(5.0)
    """Until a TCP (and TLS) connection stands. Envoy's default."""
    idle_timeout: Duration = Duration(60.0)
    """An unused connection is closed after this long; `0s`: never."""
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1024
    """Open connections of one worker to this cluster. Envoy's default."""
    max_pending: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1024
    """Requests of one worker that wait for a connection. Envoy's default."""
    connect_attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    """Endpoints tried for one request while nothing of it has been sent."""
    retry_budget: RetryBudget = RetryBudget()
    """For the attempts that a route's `retry` asks for."""
    max_requests_per_connection: Annotated[int, msgspec.Meta(ge=0, le=1 << 29)] = 0
    """A connection is closed behind so many; 1: none is kept, 0: no limit. One of HTTP/2 takes no further ones."""
    max_connection_duration: Duration = Duration(0.0)
    """A connection this old takes no further request; `0s`: no limit."""
    proxy_protocol: Literal["", "v1", "v2"] = ""
    """Each connection begins, before TLS, with a header of the PROXY protocol that says whose it is, in this version; requests of
    different clients then share none. Empty: none does."""
    tcp_keepalive: TcpKeepalive | None = None
    """Ask silent endpoints whether they are still there; absent: do not."""
    labels: dict[str, str] = {}
    """Labels of the destination in metrics, for example `destination_service_name`."""
    plugins: tuple[PluginConfig, ...] = ()
    """Guards of the attempts at these endpoints: circuit breakers and their kind."""

    def shared_transport(self) -> TransportConfig:
        """`transport` of the connections that several requests share: of those that are, or may turn out to be, HTTP/2's."""
        offered = ("h2", "http/1.1") if self.protocol == "alpn" else ("h2",)
        return msgspec.structs.replace(self.transport, alpn=offered)
