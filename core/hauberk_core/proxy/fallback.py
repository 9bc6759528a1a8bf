"""What an exchange needs in order to go to another backend: the ways there are, and the request as it was before it left."""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.plugin.chain import Filters
from hauberk_core.plugin.exchange import Exchange as ExchangeView
from hauberk_core.plugin.filters import Backend


class Fallback:
    """Made for the exchanges of routes whose pickers fall back, and for no others: it copies the head."""

    __slots__ = ("_authority", "_decisions", "_filters", "_headers", "_path", "_refused")

    def __init__(self, request: Request, filters: Filters, decisions: list[Decision], decision: Decision) -> None:
        """Note what `request` is before `decision` changes it. Args: decisions - the route's, one for each of its backends."""
        self._filters: Final = filters
        self._decisions: Final = decisions
        self._authority: Final = request.authority
        self._path: Final = request.path
        self._headers: Final = request.headers.copy()
        self._refused: Final[list[Backend]] = [
            filters.backends[index] for index in range(len(decisions)) if decisions[index] is decision
        ]

    def next(self, view: ExchangeView, request: Request, reason: Reason) -> Decision | None:
        """Where to go now that the last backend could not have the request, which is again what it was; None: nowhere."""
        filters = self._filters
        backends = filters.backends
        for picker in filters.pickers:
            other = picker.instead(view, backends, tuple(self._refused), reason)
            if other is not None:
                self._refused.append(other)
                request.authority = self._authority
                request.path = self._path
                request.headers.names[:] = self._headers.names
                request.headers.lines[:] = self._headers.lines
                for index in range(len(backends)):
                    if backends[index] is other:
                        return self._decisions[index]
        return None
