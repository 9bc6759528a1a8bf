"""What counts as an endpoint's failure."""

from typing import Final

from hauberk_core.plugin.data import Reason

GATEWAY_STATUSES: Final = (502, 503, 504)

# Nobody can tell whether the endpoint would have answered where it was the client that left, or the proxy that failed.
_ENDPOINTS_FAULTS: Final = (
    Reason.CONNECT_FAILED,
    Reason.CONNECT_TIMEOUT,
    Reason.UPSTREAM_RESET,
    Reason.UPSTREAM_PROTOCOL,
    Reason.UPSTREAM_TIMEOUT,
)


def is_endpoints_fault(reason: Reason | None) -> bool:
    """Whether an attempt that ended so is the endpoint's failure: what Envoy calls a failure of local origin."""
    return reason in _ENDPOINTS_FAULTS
