"""All guards of one cluster, asked as one."""

from typing import Final

from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guard import Admission, Guard, Permit, Refusal, Subject
from hauberk_core.upstream.probing import Prober


class Guards:
    """What the cluster asks; every one of them must agree."""

    __slots__ = ("_guards", "shares", "steers")

    def __init__(self, guards: tuple[Guard, ...]) -> None:
        self._guards: Final = guards
        self.shares: Final = any([guard.shares() for guard in guards])  # noqa: C419 - compiled code has no generators to spare
        """Whether any of them counts connections together with other workers'."""

        self.steers: Final = any([guard.steers() for guard in guards])  # noqa: C419 - as before
        """Whether any of them wants endpoints that are out not to be chosen."""

    def are(self, guards: tuple[Guard, ...]) -> bool:
        """Whether these are the very same."""
        return self._guards == guards

    def admit(self, endpoint: UpstreamEndpoint, is_retry: bool, subject: Subject, now: float) -> Admission | Refusal:
        """What all permit for an attempt, or the first refusal."""
        permits: list[Permit] = []
        for guard in self._guards:
            answer = guard.admit(endpoint, is_retry, subject)
            if isinstance(answer, Refusal):
                Admission(permits, now, subject).unused()
                return answer
            permits.append(answer)
        return Admission(permits, now, subject)

    def permit(self, requester: Requester, endpoint: UpstreamEndpoint, now: float) -> Refusal | None:
        """Have an attempt at `endpoint` permitted. Returns: the first refusal, or None, and the requester has its admission."""
        answer = self.admit(endpoint, requester.tried is not None, requester, now)
        if isinstance(answer, Refusal):
            return answer
        requester.admission = answer
        return None

    def attach(self, prober: Prober) -> None:
        """By this they may reach endpoints themselves."""
        for guard in self._guards:
            guard.attach(prober)

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        """Whether any of them leaves it out for now."""
        for guard in self._guards:  # noqa: SIM110 - compiled code is quicker without a generator
            if guard.is_out(endpoint):
                return True
        return False

    def watch(self, endpoints: list[UpstreamEndpoint]) -> None:
        """These are the endpoints from now on."""
        for guard in self._guards:
            guard.watch(endpoints)

    def count(self, connections: int, waiting: int) -> None:
        """So many connections there are, and so many requests wait."""
        for guard in self._guards:
            guard.connections(connections)
            guard.waiting(waiting)

    def may_connect(self, connections: int) -> bool:
        """Whether there may be one more than `connections`."""
        for guard in self._guards:
            if not guard.may_connect(connections + 1):
                for asked in self._guards:
                    asked.connections(connections)
                return False
        return True

    def may_wait(self, waiting: int, subject: Subject) -> Refusal | None:
        """Whether one more than `waiting` may wait."""
        for guard in self._guards:
            refusal = guard.may_wait(waiting + 1, subject)
            if refusal is not None:
                for asked in self._guards:
                    asked.waiting(waiting)
                return refusal
        return None

    def surplus(self, connections: int) -> int:
        """How many of the connections others should have."""
        most = 0
        for guard in self._guards:
            surplus = guard.surplus(connections)
            if surplus > most:
                most = surplus
        return most
