"""Asks an HTTP service about each request. The exchange waits for the answer, everybody else goes on."""

import msgspec

from hauberk_core.plugin.data import AsyncFilter, Exchange, HttpFailed, Reply, Services, hookimpl

HAUBERK_API = "1"


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """What a configuration may say."""

    url: str
    """Of the service: `http://host[:port]/path`."""
    seconds: float = 1.0
    """How long it may take to answer."""


class AskingFilter(AsyncFilter):
    """Lets through what the service answers 2xx to; passes its refusals on."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._http = services.http()

    async def request(self, exchange: Exchange) -> Reply | None:
        headers = [
            ("x-original-method", exchange.method),
            ("x-original-path", exchange.path),
            ("x-peer-identity", exchange.peer_identity),
        ]
        answer = await self._http.fetch("GET", self._settings.url, headers, timeout=self._settings.seconds)
        if 200 <= answer.status < 300:
            for name, value in answer.headers:
                if name == "x-user":
                    exchange.headers.set("x-user", value)
            return None
        if answer.status in (401, 403):
            return Reply(answer.status, answer.body[:4096])
        # What is neither yes nor no is a failure: the configuration says whether such a request passes.
        raise HttpFailed(f"{self._settings.url} answered {answer.status}")


@hookimpl
def hauberk_request_filter(config: dict[str, object], services: Services) -> AsyncFilter:
    """A wrong configuration raises here: the whole change is then refused, with this message."""
    settings = msgspec.convert(config, Settings)
    if not settings.url.startswith("http://"):
        raise ValueError(f"url: {settings.url!r} does not begin with http://")
    if not 0 < settings.seconds <= 10:
        raise ValueError("seconds: between 0 and 10, because requests wait for the answer")
    return AskingFilter(settings, services)
