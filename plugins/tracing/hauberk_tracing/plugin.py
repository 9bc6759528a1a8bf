"""Registers the data half of tracing: the entry point `tracing` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Observer, Services, SyncFilter, hookimpl
from hauberk_tracing.config import make_sampler, read_config
from hauberk_tracing.data import TracingFilter, TracingObserver
from hauberk_tracing.ids import RandomDigits

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> SyncFilter:
    """The filter that samples and propagates. Raises: ValueError for a configuration that is wrong."""
    digits = services.state("digits", lambda: RandomDigits(services.entropy))
    return TracingFilter(make_sampler(read_config(config)), digits, services)


@hookimpl
def hauberk_observer(services: Services) -> Observer:
    """The observer that finishes spans."""
    return TracingObserver(services)
