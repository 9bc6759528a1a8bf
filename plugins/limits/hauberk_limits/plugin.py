"""Registers the data half of limits: the entry point `limits` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import SyncFilter, hookimpl
from hauberk_limits.config import read_limits
from hauberk_limits.data import BodyLimitFilter, HeadLimits, LimitFilter

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object]) -> SyncFilter:
    """What refuses. Raises: ValueError for a configuration that is wrong."""
    read = read_limits(config)
    head = HeadLimits(read.max_header_bytes or 0, read.max_headers or 0)
    return LimitFilter(head) if read.max_body_bytes is None else BodyLimitFilter(head, read.max_body_bytes)
