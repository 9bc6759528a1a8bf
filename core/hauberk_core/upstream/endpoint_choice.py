"""Which endpoint of its cluster a request goes to.

It is the one that the request's session belongs to, or the balancer's choice: of those that were not tried in vain, and that
guards permit.
"""

from typing import Final

from hauberk_core.net.loop import Loop
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.upstream.balance import Balancer
from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guards import Guards
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of
from hauberk_core.upstream.levels import Levels

# Endpoints that guards are asked about for one request. Where so many in turn are refused, it is the cluster that ails.
MOST_REFUSALS: Final = 16


class EndpointChoice:
    """The endpoints of one cluster, and what chooses among them."""

    def __init__(self, loop: Loop, balancer: Balancer) -> None:
        self.endpoints: list[UpstreamEndpoint] = []
        """Replaced, never changed."""
        self.balancer: Balancer = balancer
        self.guards: Guards | None = None
        """What must permit attempts at them."""
        self.is_blind = balancer.by is None
        """Whether nothing of a request matters that has tried none and belongs to none: then it may ask the balancer itself."""
        self._levels: Levels | None = None
        """What chooses in place of the balancer, where some endpoints are preferred to others."""
        self._loop: Final = loop
        self._learning: Final = Timer(_Learning(self))

    def set_endpoints(self, endpoints: list[UpstreamEndpoint]) -> None:
        """Choose among these from now on."""
        self.endpoints = endpoints
        self._teach()

    def set_balancer(self, balancer: Balancer) -> None:
        """Have this one choose from now on."""
        self.balancer = balancer
        self._teach()

    def set_levels(self, levels: Levels | None) -> None:
        """Have endpoints preferred in this way from now on; None: none is, and the balancer chooses among all."""
        self._levels = levels
        if levels is None:
            for endpoint in self.endpoints:
                endpoint.is_needed = False
        self._teach()

    def retire(self) -> None:
        """Nothing changes any more, and no guard is asked."""
        self._loop.wheel.drop(self._learning)
        self.guards = None

    # Choosing.

    def pick(self, requester: Requester) -> UpstreamEndpoint:
        """The endpoint that a request goes to; there must be one. What it prefers goes first, what it has tried comes last."""
        preferred = requester.preferred
        if preferred is not None and self.can_have(requester, preferred):
            return preferred
        levels = self._levels
        if levels is not None:
            by = levels.by
            if self._loop.now >= levels.look_at:
                self._look(levels)
            endpoint = levels.choose(NOTHING_TO_HASH if by is None else requester.hash_by(by))
        else:
            by = self.balancer.by
            if by is None:
                endpoint = self.balancer.pick(self.endpoints)
            else:
                endpoint = self.balancer.pick_by(requester.hash_by(by), self.endpoints, True)
        if requester.tried is not None and endpoint in requester.tried:
            return self._untried(requester, requester.tried)
        return endpoint

    def pick_for_client(self, client: str) -> UpstreamEndpoint | None:
        """An endpoint where nothing but the client's host is known; None: there is none now."""
        if not self.endpoints:
            return None
        levels = self._levels
        by = self.balancer.by if levels is None else levels.by
        number = hash_of(client) if by is not None and by.source_address else NOTHING_TO_HASH
        if levels is not None:
            if self._loop.now >= levels.look_at:
                self._look(levels)
            return levels.choose(number)
        return self.balancer.pick(self.endpoints) if by is None else self.balancer.pick_by(number, self.endpoints, True)

    def permitted(self, guards: Guards, requester: Requester, endpoint: UpstreamEndpoint) -> UpstreamEndpoint | None:
        """`endpoint`, or another one, for which all guards permit an attempt; None, and the requester is refused, if there is
        none."""
        refused: list[UpstreamEndpoint] = []
        candidate = endpoint
        while True:
            refusal = guards.permit(requester, candidate, self._loop.now)
            if refusal is None:
                return candidate
            if refusal.whole:
                requester.refused(refusal.reason, refusal.detail)
                return None
            refused.append(candidate)
            others = [other for other in self.endpoints if other not in refused]
            if not others or len(refused) >= MOST_REFUSALS:
                requester.refused(refusal.reason, f"{candidate.address}: {refusal.detail}")
                return None
            tried = requester.tried
            untried = others if tried is None else [other for other in others if other not in tried]
            candidate = self._pick_among(requester, untried or others)

    def can_have(self, requester: Requester, preferred: UpstreamEndpoint) -> bool:
        """Whether a request may go where its session belongs: the endpoint is there, and was not tried in vain."""
        if preferred not in self.endpoints:
            return False
        return requester.tried is None or preferred not in requester.tried

    def _untried(self, requester: Requester, tried: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """An endpoint that was not tried; where all were, any but the one that failed last."""
        others = [endpoint for endpoint in self.endpoints if endpoint not in tried]
        if not others:
            others = [endpoint for endpoint in self.endpoints if endpoint is not tried[-1]]
        return self._pick_among(requester, others or self.endpoints)

    def _pick_among(self, requester: Requester, some: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        levels = self._levels
        if levels is not None:
            number = NOTHING_TO_HASH if levels.by is None else requester.hash_by(levels.by)
            return levels.choose_among(number, some)
        by = self.balancer.by
        return self.balancer.pick(some) if by is None else self.balancer.pick_by(requester.hash_by(by), some, False)

    # What has to be worked out for that.

    def _teach(self) -> None:
        self.is_blind = self._levels is None and self.balancer.by is None
        if self._levels is None:
            whole = self.balancer.learn(self.endpoints)
        else:
            whole = not self.endpoints or self._levels.learn(self.endpoints, self.guards, self._loop.now)
        if not whole:
            self._go_on_soon()

    def _look(self, levels: Levels) -> None:
        """Have the levels follow who is in service."""
        if self.guards is not None and not levels.look(self.guards, self._loop.now):
            self._go_on_soon()

    def _go_on_soon(self) -> None:
        self._loop.wheel.arm(self._learning, self._loop.now)

    def go_on_learning(self) -> None:
        """Let the balancers work out the next part."""
        whole = self.balancer.advance() if self._levels is None else self._levels.advance()
        if not whole:
            self._go_on_soon()


class _Learning(TimerOwner):
    def __init__(self, choice: EndpointChoice) -> None:
        self._choice: Final = choice

    def timed_out(self, timer: Timer) -> None:
        self._choice.go_on_learning()
