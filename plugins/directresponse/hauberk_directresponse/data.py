"""What directresponse does to traffic."""

from typing import Final

from hauberk_core.plugin.data import Exchange, Reply, SyncFilter


class DirectResponse(SyncFilter):
    """Gives every request the same answer."""

    __slots__ = ("_reply",)

    def __init__(self, reply: Reply) -> None:
        self._reply: Final = reply

    def request(self, exchange: Exchange) -> Reply:
        return self._reply
