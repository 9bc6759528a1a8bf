"""A plugin whose filter looks at every request and every response and does nothing: all that it costs is the way to it."""

from hauberk_core.plugin.data import Exchange, Reply, SyncFilter, hookimpl

HAUBERK_API = "1"


class IdleFilter(SyncFilter):
    """Lets everything pass."""

    def request(self, exchange: Exchange) -> Reply | None:
        return None

    def response(self, exchange: Exchange) -> Reply | None:
        return None


@hookimpl
def hauberk_request_filter() -> SyncFilter:
    """One for each place."""
    return IdleFilter()
