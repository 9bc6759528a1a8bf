"""Registers the data half of buffering: the entry point `buffering` of the group `hauberk.data`."""

from typing import Final

from hauberk_buffering.config import read_buffering
from hauberk_buffering.data import BufferBoth, BufferRequests, BufferResponses
from hauberk_core.plugin.data import SyncFilter, Whole, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object]) -> SyncFilter:
    """What keeps bodies. Raises: ValueError for a configuration that is wrong."""
    read = read_buffering(config)
    if read.request is None:
        assert read.response is not None
        return BufferResponses(Whole(read.response.max_bytes))
    if read.response is None:
        return BufferRequests(Whole(read.request.max_bytes))
    return BufferBoth(Whole(read.request.max_bytes), Whole(read.response.max_bytes))
