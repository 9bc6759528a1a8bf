"""Where a proxy listens, and what it does with what it accepts there."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.duration import Duration
from hauberk_core.model.edge import CertificateForwarding, Edge, PathNormalization
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import WeightedCluster
from hauberk_core.model.transport import TransportConfig

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds on what a peer may send; each is answered with the status named beside it and a reason."""

    head_bytes: Annotated[int, msgspec.Meta(ge=512, le=1 << 20)] = 65536
    """Request line and header section together: 431. 64 KiB carries the largest cookies and tokens seen in the wild."""
    request_line_bytes: Annotated[int, msgspec.Meta(ge=64, le=1 << 20)] = 32768
    """Method, target and version: 414. Browsers stop at about 32 KiB."""
    header_count: Annotated[int, msgspec.Meta(ge=4, le=10_000)] = 100
    """Header lines of a head, and trailer lines: 431. Envoy's default."""
    body_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 50)] = 0
    """Octets of a request's body: 413; 0: no limit, because a proxy streams and stores nothing."""


class HttpTimeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long a listener waits for its clients; `0s`: for ever."""

    head: Duration = Duration(15.0)
    """From the first octet of a request (or the accept) to the end of its head: 408. Stops slow-header attacks."""
    idle: Duration = Duration(300.0)
    """A kept-alive connection with no request."""
    stall: Duration = Duration(60.0)
    """A body or a response that does not move."""
    handshake: Duration = Duration(10.0)
    """A TLS handshake."""
    drain: Duration = Duration(30.0)
    """What exchanges in flight get after SIGTERM or after their listener went away."""


class FilterChain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to the connections of a listener, chosen by where they were going, or by the server name they ask for."""

    route_table: str = ""
    """The name of the table its requests are routed by; only without HTTP may it be empty."""
    destinations: tuple[str, ...] = ()
    """Of captured connections: addresses and ranges (`10.0.0.0/8`) that they were going to; empty: every other one."""
    destination_ports: tuple[Annotated[int, msgspec.Meta(ge=1, le=65535)], ...] = ()
    """Of captured connections: ports that they were going to; empty: every other one. The address goes before the port."""
    server_names: tuple[str, ...] = ()
    """SNI names, exact or `*.example.test`; empty: every connection that no other chain takes."""
    protocol: Literal["http", "tcp", "tls", "detect"] = "http"
    """`tcp`: octets pass as they are; `tls`: likewise, being TLS that is not ended here; `detect`: HTTP is routed, everything
    else passes, by all plugins for requests. An endpoint that speaks before the client does is passed on at once."""
    backends: tuple[WeightedCluster, ...] = ()
    """Where octets that are not HTTP go, by weight; without any such connections are reset."""
    transport: TransportConfig = TransportConfig()
    """How its connections are secured."""
    codec: Literal["strict", "h11"] = "strict"
    """The HTTP/1.1 machine: ours, or h11 behind the same seam (more lenient)."""
    http2_codec: Literal["strict", "h2"] = "strict"
    """The HTTP/2 machine, for clients that agree on it (ALPN) or begin with its preface: ours, or h2 behind the same seam."""
    limits: HttpLimits = HttpLimits()
    """Bounds on what its clients may send."""
    timeouts: HttpTimeouts = HttpTimeouts()
    """How long its clients are waited for."""
    path_normalization: PathNormalization = "none"
    """What becomes of a request's path before anything looks at it: that path is routed by, judged by, and sent on."""
    client_certificate: CertificateForwarding = "always_forward_only"
    """What becomes of `X-Forwarded-Client-Cert`, by which clients' certificates are told to endpoints."""
    edge: Edge | None = None
    """Given where clients are strangers: how far they are believed about who they are."""
    tcp_idle_timeout: Duration = Duration(3600.0)
    """Octets that pass as they are: a connection is closed on which nothing moves for so long, also while it has yet to show what
    it speaks; `0s`: never. Envoy's default."""
    plugins: tuple[PluginConfig, ...] = ()
    """For every request of these connections; their filters see it before it is routed."""


class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An address that a proxy accepts connections on."""

    address: str
    """`host:port`, `[v6]:port` or `:port` (every address of this machine); port 0: any free one."""
    filter_chains: tuple[FilterChain, ...] = ()
    """The most specific destination or server name decides which one takes a connection."""
    datagrams: Datagrams | None = None
    """Of a listener of UDP, in place of filter chains: what becomes of its datagrams. TCP and UDP each have their own ports."""
    captured: bool = False
    """Rules of the kernel lead connections here, which were going elsewhere. One that was going nowhere else is reset."""
    max_connections: Annotated[int, msgspec.Meta(ge=0, le=1 << 30)] = 0
    """Connections that each worker has open here at a time; 0: as many as the worker takes in all. Those above it are answered
    503 in clear HTTP, and closed otherwise."""
    public_port: Port = 0
    """The port under which clients know it, where another one leads here, as a Service's does; 0: the one in `address`.
    Redirects go by it."""
    proxy_protocol_from: tuple[str, ...] = ()
    """Addresses and ranges (`10.0.0.0/8`) of proxies in front, whose connections begin with a header of the PROXY protocol that
    says whose they are, in version 1 or 2. Everybody else's begin without one."""
