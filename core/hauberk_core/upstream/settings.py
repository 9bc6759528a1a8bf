"""A cluster's settings."""


class ClusterSettings:
    """What the configuration says of a cluster, in the form the hot path wants."""

    def __init__(self) -> None:
        self.connect_timeout: float = 5.0
        self.idle_timeout: float = 60.0
        self.max_connections: int = 1024
        self.max_pending: int = 1024
        self.connect_attempts: int = 3
        self.max_requests: int = 0
        """Of one connection; 0: no limit."""
        self.max_seconds: float = 0.0
        """After which a connection takes no further request; 0: no limit."""
        self.keep_alive: tuple[int, int, int] | None = None
        """The kernel's probes: how many, seconds before the first and between two; 0: the system's."""
