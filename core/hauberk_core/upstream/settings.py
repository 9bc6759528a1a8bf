"""A cluster's settings."""

import math
from typing import Final

from hauberk_core.model.cluster import Cluster

# What is spoken to endpoints.
HTTP1: Final = 1
HTTP2: Final = 2
BY_ALPN: Final = 3
"""What the endpoint chooses in TLS (RFC 7301)."""
AS_CLIENT: Final = 4
"""HTTP/2 for requests that came by it, HTTP/1.1 for others."""
_PROTOCOLS: Final = {"http1": HTTP1, "http2": HTTP2, "alpn": BY_ALPN, "client": AS_CLIENT}
_PROXY_PROTOCOL: Final = {"": 0, "v1": 1, "v2": 2}


class ClusterSettings:
    """What the configuration says of a cluster, in the form the hot path wants."""

    def __init__(self) -> None:
        self.connect_timeout: float = 5.0
        self.idle_timeout: float = 60.0
        self.max_connections: int = 1024
        self.max_pending: int = 1024
        self.connect_attempts: int = 3
        self.protocol: int = HTTP1
        self.max_streams: int = 128
        """Requests at a time on one connection of HTTP/2."""
        self.ping_interval: float = 0.0
        """How long nothing comes on a connection of HTTP/2 in use before the endpoint is asked for a sign; 0: for ever."""
        self.ping_timeout: float = 10.0
        """For the answer to that."""
        self.max_requests: int = 0
        """Of one connection; 0: no limit."""
        self.max_seconds: float = 0.0
        """After which a connection takes no further request; 0: no limit."""
        self.announces: int = 0
        """The version of the PROXY protocol by which each connection begins with whose it is; 0: none does."""
        self.keep_alive: tuple[int, int, int] | None = None
        """The kernel's probes: how many, seconds before the first and between two; 0: the system's."""


def settings_of(config: Cluster) -> ClusterSettings:
    """The settings that a cluster's configuration asks for."""
    settings = ClusterSettings()
    settings.connect_timeout = config.connect_timeout.seconds
    settings.idle_timeout = config.idle_timeout.seconds
    settings.max_connections = config.max_connections
    settings.max_pending = config.max_pending
    settings.connect_attempts = config.connect_attempts
    settings.max_requests = config.max_requests_per_connection
    in_the_clear = config.transport.security == "plain"
    settings.protocol = HTTP1 if config.protocol == "alpn" and in_the_clear else _PROTOCOLS[config.protocol]
    settings.max_streams = config.max_concurrent_streams
    settings.ping_interval = config.ping_interval.seconds
    settings.ping_timeout = config.ping_timeout.seconds
    settings.max_seconds = config.max_connection_duration.seconds
    settings.announces = _PROXY_PROTOCOL[config.proxy_protocol]
    probes = config.tcp_keepalive
    if probes is not None:
        settings.keep_alive = (probes.probes, math.ceil(probes.time.seconds), math.ceil(probes.interval.seconds))
    return settings
