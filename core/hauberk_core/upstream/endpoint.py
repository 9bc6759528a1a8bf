"""One endpoint as a worker knows it: what runs there, and the connections kept to it."""

from typing import Final


class UpstreamEndpoint:
    """Counts and idle connections of one address. Lives as long as some snapshot names the address."""

    def __init__(self, host: str, port: int, address: str, name: str) -> None:
        self.host: Final = host
        """Numeric: IPv4 or IPv6 without brackets."""
        self.port: Final = port
        self.address: Final = address
        """`host:port`, for logs."""
        self.name: Final = name
        """The host as configured: what TLS expects in the endpoint's certificate where no server name is set."""
        self.active: int = 0
        """Requests that use or wait for a connection to this endpoint: what least-request compares."""
        self.source: str = ""
        """The address of this machine that connections to it come from; empty: any."""
        self.weight: int = 1
        """Its part of the requests, in proportion to the others'."""
        self.priority: int = 0
        """The level that it belongs to; 0 is preferred."""
        self.locality: str = ""
        """`region/zone/sub-zone` where localities have shares."""
        self.is_needed = False
        """So few of its level are in service that all of it gets requests, whatever guards know of it."""
        self.since: float = 0.0
        """When it came, in the loop's seconds."""
        self.retired = False
        """No snapshot names it any more: connections are closed instead of being kept."""
