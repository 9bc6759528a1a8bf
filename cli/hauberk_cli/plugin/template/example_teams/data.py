"""What happens to a request, in a worker of a proxy: only some teams are let in. It must never wait."""

import msgspec

from hauberk_core.plugin.data import Exchange, Reply, Services, SyncFilter, hookimpl

HAUBERK_API = "1"


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """What a configuration may say."""

    teams: tuple[str, ...]
    """Who is let in."""
    header: str = "x-team"
    """Where a request says which team it comes from."""


class TeamFilter(SyncFilter):
    """Holds one configuration's teams against each request."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._teams = frozenset(settings.teams)
        self._header = settings.header.lower()
        self._denied = services.counter("denied")

    def request(self, exchange: Exchange) -> Reply | None:
        team = exchange.headers.get(self._header)
        if team not in self._teams:
            self._denied.add()
            return Reply(403, b"this service is not open to your team\n", [("content-type", "text/plain")])
        exchange.headers.set("x-admitted-team", team)
        return None

    def response(self, exchange: Exchange) -> Reply | None:
        exchange.response_headers.set("x-checked-by", "example-teams")
        return None


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> SyncFilter:
    """A wrong configuration raises here: the whole change is then refused, with this message."""
    settings = msgspec.convert(config, Settings)
    if not settings.teams:
        raise ValueError("teams: an empty list would let nobody in; name at least one")
    return TeamFilter(settings, services)
