"""A configuration in the form that checking wants."""

from typing import Final, Literal


class Asked:
    """What endpoints are asked."""

    def __init__(self, kind: Literal["tcp", "http", "grpc"], shown: str) -> None:
        """Args: shown - the same for people."""
        self.kind: Final = kind
        self.shown: Final = shown
        self.method: str = "GET"
        self.path: str = "/"
        self.authority: str = ""
        self.fields: list[tuple[str, str]] = []
        self.statuses: list[tuple[int, int]] = []
        self.service: str = ""
        self.http2: bool = kind == "grpc"


class Rules:
    """What is asked, how often, and what follows. Times are seconds."""

    def __init__(
        self,
        asked: Asked,
        interval: float,
        jitter: float,
        timeout: float,
        healthy_threshold: int,
        unhealthy_threshold: int,
        first_decides: bool,
    ) -> None:
        self.asked: Final = asked
        self.interval: Final = interval
        self.jitter: Final = jitter
        """The part of the interval by which it varies, up and down."""
        self.timeout: Final = timeout
        self.healthy_threshold: Final = healthy_threshold
        self.unhealthy_threshold: Final = unhealthy_threshold
        self.first_decides: Final = first_decides
        """Whether an endpoint gets no requests before its first check."""
