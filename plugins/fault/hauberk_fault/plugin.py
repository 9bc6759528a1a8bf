"""Registers the data half of fault: the entry point `fault` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Reason, Reply, Services, SyncFilter, hookimpl
from hauberk_fault.config import GRPC_STATUSES, Abort, read_fault
from hauberk_fault.data import FaultFilter, http_status_of

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> SyncFilter:
    """What injects the faults. Raises: ValueError for a configuration that is wrong."""
    read = read_fault(config)
    delay, abort = read.delay, read.abort
    return FaultFilter(
        services,
        0.0 if delay is None else delay.percentage.value / 100,
        0.0 if delay is None else delay.fixed_delay.seconds,
        0.0 if abort is None else abort.percentage.value / 100,
        None if abort is None else _reply(abort),
    )


def _reply(abort: Abort) -> Reply:
    grpc_status = -1 if abort.grpc_status is None else GRPC_STATUSES[abort.grpc_status]
    status = abort.http_status or http_status_of(grpc_status)
    if status < 300 or status == 304:
        # What passes for success has nothing to explain.
        return Reply(status, b"", [], Reason.FAULT_INJECTED, grpc_status)
    explained = [("content-type", "text/plain")]
    return Reply(status, b"this fault was injected\n", explained, Reason.FAULT_INJECTED, grpc_status)
