"""Which endpoints session tags stand for."""

from typing import Final

from hauberk_canary.token import Sealer
from hauberk_core.plugin.data import Backend, Endpoint


class Directory:
    """The endpoints of a route's backends by their tags, worked out when a backend's endpoints have changed."""

    __slots__ = ("_known", "_sealer")

    def __init__(self, sealer: Sealer) -> None:
        self._sealer: Final = sealer
        self._known: Final[dict[str, _Tagged]] = {}
        """By cluster. A configuration has so many backends, and its pickers go with it."""

    def find(self, backend: Backend, tag: bytes) -> Endpoint | None:
        """The endpoint that `tag` stands for, if the backend has it now."""
        endpoints = backend.endpoints()
        known = self._known.get(backend.cluster)
        if known is None or known.endpoints is not endpoints:
            known = _Tagged(endpoints, self._sealer)
            self._known[backend.cluster] = known
        return known.by_tag.get(tag)


class _Tagged:
    __slots__ = ("by_tag", "endpoints")

    def __init__(self, endpoints: list[Endpoint], sealer: Sealer) -> None:
        self.endpoints: Final = endpoints
        self.by_tag: Final[dict[bytes, Endpoint]] = {sealer.tag(endpoint.address): endpoint for endpoint in endpoints}
