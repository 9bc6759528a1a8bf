"""Which endpoint a request goes to: its session's, the balancer's, one that was not tried, one that guards permit."""

import pytest
from upstream_endpoints import endpoints

from hauberk_core.model.cluster import HashBy
from hauberk_core.model.reason import Reason
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.sim.clock import VirtualClock
from hauberk_core.sim.network import VirtualNetwork
from hauberk_core.sim.poller import VirtualPoller
from hauberk_core.upstream.balance import RoundRobin
from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.consistent_hash import ConsistentHash
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.endpoint_choice import MOST_REFUSALS, EndpointChoice
from hauberk_core.upstream.guard import Guard, Outcome, Permit, Refusal, Subject
from hauberk_core.upstream.guards import Guards


class Asker(Requester):
    """Remembers how it was refused."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[Reason, str]] = []

    def refused(self, reason: Reason, detail: str) -> None:
        self.answers.append((reason, detail))


class Allowed(Permit):
    """Does nothing when the attempt is over."""

    def done(self, outcome: Outcome) -> None:
        """Forget it."""


class Picky(Guard):
    """Permits attempts at some addresses only, and counts how often it was asked."""

    def __init__(self, good: set[str], whole: bool = False) -> None:
        self._good = good
        self._whole = whole
        self.asked = 0

    def admit(self, endpoint: UpstreamEndpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        self.asked += 1
        return Allowed() if endpoint.address in self._good else Refusal("not this one", whole=self._whole)


@pytest.fixture
def choice() -> EndpointChoice:
    """Three endpoints, in turn."""
    choice = EndpointChoice(Loop(VirtualClock(), VirtualPoller(VirtualNetwork()), FaultLog()), RoundRobin(0))
    choice.set_endpoints(endpoints(1, 1, 1))
    return choice


def test_session_stays_until_its_endpoint_was_tried_or_is_gone(choice: EndpointChoice) -> None:
    asker = Asker()
    mine = choice.endpoints[1]
    asker.preferred = mine
    assert [choice.pick(asker) for _ in range(4)] == [mine] * 4
    asker.tried = [mine]
    assert mine not in [choice.pick(asker) for _ in range(6)]
    asker.tried = None
    choice.set_endpoints([choice.endpoints[0], choice.endpoints[2]])
    assert choice.pick(asker) is not mine


def test_where_all_were_tried_any_but_the_last_goes(choice: EndpointChoice) -> None:
    asker = Asker()
    asker.tried = list(choice.endpoints)
    assert choice.endpoints[2] not in {choice.pick(asker) for _ in range(12)}


def test_only_endpoint_is_tried_again(choice: EndpointChoice) -> None:
    [only] = endpoints(1)
    choice.set_endpoints([only])
    asker = Asker()
    asker.tried = [only]
    assert choice.pick(asker) is only


def test_requests_matter_only_to_balancers_that_hash(choice: EndpointChoice) -> None:
    assert choice.is_blind
    choice.set_balancer(ConsistentHash("maglev", 1009, HashBy(header="x-user"), lambda: 0.5))
    assert not choice.is_blind


def test_client_that_nothing_is_known_of_but_its_host(choice: EndpointChoice) -> None:
    choice.set_balancer(ConsistentHash("maglev", 1009, HashBy(source_address=True), lambda: 0.5))
    chosen = {choice.pick_for_client("192.0.2.7") for _ in range(8)}
    assert len(chosen) == 1
    choice.retire()
    # Requests that were on their way to it go on to what there was.
    assert choice.pick_for_client("192.0.2.7") in chosen
    choice.set_endpoints([])
    assert choice.pick_for_client("192.0.2.7") is None


def test_another_endpoint_is_asked_for_until_guards_permit_one(choice: EndpointChoice) -> None:
    good = choice.endpoints[2]
    guard = Picky({good.address})
    asker = Asker()
    assert choice.permitted(Guards((guard,)), asker, choice.endpoints[0]) is good
    assert asker.admission is not None
    assert asker.answers == []


@pytest.mark.parametrize(("whole", "asked"), [(False, 3), (True, 1)])
def test_refusal_by_all_or_for_all(choice: EndpointChoice, whole: bool, asked: int) -> None:
    guard = Picky(set(), whole)
    asker = Asker()
    assert choice.permitted(Guards((guard,)), asker, choice.endpoints[0]) is None
    assert guard.asked == asked
    [(reason, detail)] = asker.answers
    assert reason is Reason.GUARD_REFUSED
    assert detail.endswith("not this one")


def test_not_every_endpoint_of_many_is_asked_for(choice: EndpointChoice) -> None:
    choice.set_endpoints(endpoints(*[1] * 2 * MOST_REFUSALS))
    guard = Picky(set())
    assert choice.permitted(Guards((guard,)), Asker(), choice.endpoints[0]) is None
    assert guard.asked == MOST_REFUSALS
