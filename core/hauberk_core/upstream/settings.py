"""A cluster's settings."""

from typing import Final

# What is spoken to endpoints.
HTTP1: Final = 1
HTTP2: Final = 2
BY_ALPN: Final = 3
"""What the endpoint chooses in TLS (RFC 7301)."""
AS_CLIENT: Final = 4
"""HTTP/2 for requests that came by it, HTTP/1.1 for others."""


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
