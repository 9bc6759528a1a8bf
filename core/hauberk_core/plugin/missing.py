"""Stands where a plugin should be that this proxy does not have."""

from typing import Final

from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.filters import SyncFilter
from hauberk_core.plugin.reply import Reply


class PluginAbsent(Exception):
    """A request was to pass a plugin that is not installed."""


class MissingFilter(SyncFilter):
    """Fails for each request, so that what the configuration says of failures holds."""

    def __init__(self, plugin: str) -> None:
        self._message: Final = "the plugin " + plugin + " is not installed beside this proxy; install it, then restart the proxy"

    def request(self, exchange: Exchange) -> Reply | None:
        raise PluginAbsent(self._message)
