"""Stands where a plugin should be that this proxy does not have."""

from typing import Final

from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.filters import SyncFilter
from hauberk_core.plugin.reply import Reply


class PluginAbsent(Exception):
    """A request was to pass a plugin that is not installed, or not in a version that is wanted."""


class MissingFilter(SyncFilter):
    """Fails for each request, so that what the configuration says of failures holds."""

    def __init__(self, plugin: str, why: str) -> None:
        """Args: why - a sentence for a person."""
        self._message: Final = (
            "the plugin " + plugin + " cannot be used: " + why + "; install it beside this proxy, then restart that"
        )

    def request(self, exchange: Exchange) -> Reply | None:
        raise PluginAbsent(self._message)
