"""What tells one user from another in a request."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_canary.cookies import cookie_values
from hauberk_core.plugin.data import Exchange


@mypyc_attr(allow_interpreted_subclasses=True)
class Users:
    """Tells users apart."""

    def key(self, exchange: Exchange) -> str:
        """The user of a request; empty if the request does not tell."""
        raise NotImplementedError


class HeaderUsers(Users):
    """By the value of a request header."""

    def __init__(self, name: str) -> None:
        self._name: Final = name.lower()

    def key(self, exchange: Exchange) -> str:
        return exchange.headers.get(self._name) or ""


class CookieUsers(Users):
    """By the value of a cookie."""

    def __init__(self, name: str) -> None:
        self._name: Final = name

    def key(self, exchange: Exchange) -> str:
        values = cookie_values(exchange.headers, self._name)
        return values[0] if values else ""


class SourceUsers(Users):
    """By the client's address."""

    def __init__(self, trusted_hops: int) -> None:
        """Args: trusted_hops - proxies in front of this one that are believed."""
        self._back: Final = trusted_hops + 1

    def key(self, exchange: Exchange) -> str:
        # Ours is the last entry by now: who has connected to us. Each trusted proxy stands for the one before it.
        listed = exchange.record.x_forwarded_for
        entries = listed.rsplit(",", self._back)
        if len(entries) > self._back:
            return entries[1].strip(" \t")
        # Fewer entries than proxies: the request did not come through all of them, and its first entry is the best there is.
        return entries[0].strip(" \t")
