"""What fault does to traffic."""

from typing import Final

from hauberk_core.plugin.data import Counter, Exchange, Pause, Reply, Services, SyncFilter, Wish

# What a client that speaks no gRPC is told of a gRPC status. Source: google.rpc.Code.
_HTTP_STATUSES: Final[dict[int, int]] = {
    1: 499,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    14: 503,
    16: 401,
}


def http_status_of(grpc_status: int) -> int:
    """The HTTP status that says most nearly what a gRPC status says."""
    return _HTTP_STATUSES.get(grpc_status, 500)


class FaultFilter(SyncFilter):
    """Draws for each request whether it is delayed, and whether it is aborted; one that meets both is aborted late."""

    __slots__ = ("_abort", "_abort_share", "_aborts", "_delay_share", "_delays", "_seconds", "_services")

    def __init__(self, services: Services, delay_share: float, seconds: float, abort_share: float, abort: Reply | None) -> None:
        """Args: delay_share, abort_share - 0 to 1, of the requests; seconds - of a delay; abort - the answer."""
        self._services: Final = services
        self._delay_share: Final = delay_share
        self._seconds: Final = seconds
        self._abort_share: Final = abort_share
        self._abort: Final = abort
        self._delays: Final[Counter] = services.counter("delays")
        self._aborts: Final[Counter] = services.counter("aborts")

    def request(self, exchange: Exchange) -> Reply | Wish | None:
        services = self._services
        # A share of 0 takes nobody, and one of 1 everybody: numbers drawn are below 1.
        abort = self._abort if services.random() < self._abort_share else None
        if abort is not None:
            self._aborts.add()
        if services.random() < self._delay_share:
            self._delays.add()
            exchange.add_flag("DI")
            return Pause(self._seconds, abort)
        return abort
