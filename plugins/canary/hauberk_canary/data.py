"""What canary does to traffic where a PluginPolicy asks for it: users stay with their backend, and one that is down is left."""

from typing import Final

from hauberk_canary.fallback import Fallback
from hauberk_canary.rendezvous import choose
from hauberk_canary.users import Users
from hauberk_core.plugin.data import Backend, Exchange, Picker, Reason


class CanaryPicker(Picker):
    """Chooses by user where users are told apart, else leaves the choice to the weights; then looks for a way out if need be."""

    __slots__ = ("_fallback", "_users")

    def __init__(self, users: Users | None, fallback: Fallback) -> None:
        """Args: users - None: nobody stays anywhere."""
        self._users: Final = users
        self._fallback: Final = fallback

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        key = "" if self._users is None else self._users.key(exchange)
        if key:
            # Latin-1, as heads are kept: each character is the octet that came.
            wanted = choose(key.encode("latin-1"), backends)
            return None if wanted is None else self._fallback.instead_of(wanted, backends, key)
        wanted = _weighed(exchange, backends)
        if wanted is None:
            return None
        taken = self._fallback.instead_of(wanted, backends, key)
        # Unless it is down the word of the weights stands as it is: two of the backends may be of one cluster.
        return None if taken is wanted else taken

    def instead(
        self, exchange: Exchange, backends: tuple[Backend, ...], refused: tuple[Backend, ...], reason: Reason
    ) -> Backend | None:
        # UH: no endpoint that may be asked; UF: none that could be reached. What is too busy has its limit for a reason.
        if reason.flag not in ("UH", "UF") and reason is not Reason.GUARD_REFUSED:
            return None
        key = "" if self._users is None else self._users.key(exchange)
        return self._fallback.after(refused, backends, key)


def _weighed(exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
    """What the weights say."""
    decision = exchange.decision
    if decision is not None:
        for backend in backends:
            if backend.cluster == decision.cluster and backend.share > 0.0:
                return backend
    return None
