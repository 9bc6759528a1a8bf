"""Registers the data half of grpcweb: the entry point `grpcweb` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import SyncFilter, hookimpl
from hauberk_grpcweb.config import read_grpc_web
from hauberk_grpcweb.data import GrpcWebFilter

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object]) -> SyncFilter:
    """The translator. Raises: ValueError for a configuration that is wrong."""
    read_grpc_web(config)
    return GrpcWebFilter()
