"""Registers the data half of directresponse: the entry point `directresponse` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Reason, Reply, SyncFilter, hookimpl
from hauberk_directresponse.config import read_answer
from hauberk_directresponse.data import DirectResponse

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object]) -> SyncFilter:
    """What answers. Raises: ValueError for a configuration that is wrong."""
    status, body, headers = read_answer(config)
    return DirectResponse(Reply(status, body, headers, Reason.DIRECT_RESPONSE))
