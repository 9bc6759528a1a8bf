"""Registers the data half of compression: the entry point `compression` of the group `hauberk.data`."""

from typing import Final

from hauberk_compression.config import read_compression
from hauberk_compression.data import CompressionFilter, Streams, StreamsObserver
from hauberk_compression.types import MediaTypes
from hauberk_core.plugin.data import Observer, Services, SyncFilter, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> SyncFilter:
    """What compresses. Raises: ValueError for a configuration that is wrong."""
    read = read_compression(config)
    streams = services.state("streams", Streams)
    return CompressionFilter(MediaTypes(read.types), read.min_bytes, read.level, streams, services)


@hookimpl
def hauberk_observer(services: Services) -> Observer:
    """What counts the bodies that are under way."""
    return StreamsObserver(services.state("streams", Streams))
