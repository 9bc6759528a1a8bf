"""A configuration in the form that the road of a request wants."""

from typing import Final

NO_LIMIT: Final = -1


class OutlierRules:
    """When endpoints are ejected. Times are nanoseconds; a number of failures of 0 means never."""

    def __init__(  # noqa: PLR0913 - one for each field
        self,
        consecutive_5xx: int,
        consecutive_gateway: int,
        consecutive_local: int,
        split: bool,
        interval: int,
        base_ejection: int,
        longest_ejection: int,
        max_ejection_percent: int,
        min_health_percent: int,
    ) -> None:
        self.consecutive_5xx: Final = consecutive_5xx
        self.consecutive_gateway: Final = consecutive_gateway
        self.consecutive_local: Final = consecutive_local
        self.split: Final = split
        self.interval: Final = interval
        self.base_ejection: Final = base_ejection
        self.longest_ejection: Final = longest_ejection
        self.max_ejection_percent: Final = max_ejection_percent
        self.min_health_percent: Final = min_health_percent


class Rules:
    """Limits, NO_LIMIT where there is none, and outlier detection, if any."""

    def __init__(
        self, max_connections: int, max_pending: int, max_requests: int, max_retries: int, outliers: OutlierRules | None
    ) -> None:
        self.max_connections: Final = max_connections
        self.max_pending: Final = max_pending
        self.max_requests: Final = max_requests
        self.max_retries: Final = max_retries
        self.outliers: Final = outliers
