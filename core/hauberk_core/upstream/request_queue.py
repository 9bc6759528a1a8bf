"""The requests that wait until a connection of their cluster may be opened, or comes free, in the order of their arrival."""

from collections import deque
from typing import TYPE_CHECKING, Final

from hauberk_core.model.reason import Reason
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.h2_connection import H2UpstreamConnection
from hauberk_core.upstream.pool import Pool
from hauberk_core.upstream.sharing import Sharing

if TYPE_CHECKING:
    from hauberk_core.upstream.cluster import UpstreamCluster


class RequestQueue:
    """One cluster's, in one worker. Its bound is `max_pending`, and what guards say."""

    def __init__(self, cluster: "UpstreamCluster", meters: ClusterMeters) -> None:
        self.requests: Final[deque[Requester]] = deque()
        """Those that no connection is being opened for."""
        self._cluster: Final = cluster
        self._meters: Final = meters
        self._serving = False

    def length(self) -> int:
        """How many wait here."""
        return len(self.requests)

    def wait(self, requester: Requester) -> None:
        """Have a request wait, or refuse it; nothing is permitted for it until then."""
        requester.withdraw_admission()
        if self.may_wait(requester):
            self.requests.append(requester)
            self.wait_began()
            self._cluster.quota.look_again()

    def withdraw(self, requester: Requester) -> bool:
        """It waits no more. Returns: whether it did here."""
        if requester not in self.requests:
            return False
        self.requests.remove(requester)
        self.wait_ended()
        return True

    def next(self) -> Requester:
        """The first, which waits no more."""
        requester = self.requests.popleft()
        self.wait_ended()
        return requester

    def next_for(self, pool: Pool, sharing: Sharing, connection: H2UpstreamConnection) -> Requester | None:
        """The first that a shared connection of this pool may serve; it waits no more."""
        cluster = self._cluster
        for requester in self.requests:
            if requester.fresh and not connection.is_proven() and cluster.quota.has_room():
                # It has a new one instead.
                continue
            if cluster.settings.announces and connection.announced != cluster.announcement(requester):
                continue
            preferred = requester.preferred
            elsewhere = preferred is not None and preferred is not pool.endpoint and cluster.choice.can_have(requester, preferred)
            if not elsewhere and sharing.applies_to(requester, pool):
                self.requests.remove(requester)
                self.wait_ended()
                return requester
        return None

    def serve(self) -> None:
        """Go on with requests that wait, as far as there is room."""
        # A connect that fails at once leads here again; the turn under way goes on, or a long queue would be as many calls deep.
        if self.requests and not self._serving:
            self._serving = True
            try:
                self._serve_in_turn()
            finally:
                self._serving = False

    def _serve_in_turn(self) -> None:
        cluster = self._cluster
        while self.requests and not cluster.is_resolving():
            if cluster.choice.endpoints and not cluster.quota.has_room():
                return
            cluster.acquire_anew(self.next())
        cluster.quota.tell_guards()

    # For those, too, that wait for a connection that is being opened.

    def may_wait(self, requester: Requester) -> bool:
        """Whether one more request may wait. If not, it is refused."""
        cluster = self._cluster
        waiting = cluster.waiting()
        if waiting >= cluster.settings.max_pending:
            reason = Reason.OVERFLOW
            detail = (
                f"cluster {cluster.name} has {cluster.quota.open} connections open and {waiting} requests waiting; "
                "the limits are max_connections and max_pending"
            )
        else:
            refusal = None if cluster.guards is None else cluster.guards.may_wait(waiting, requester)
            if refusal is None:
                return True
            reason = refusal.reason
            detail = refusal.detail
        requester.withdraw_admission()
        self._meters.overflowed()
        requester.refused(reason, detail)
        return False

    def wait_began(self) -> None:
        """One more waits."""
        self._meters.wait_began()
        self._cluster.quota.tell_guards()

    def wait_ended(self) -> None:
        """One fewer."""
        self._meters.wait_ended()
        self._cluster.quota.tell_guards()
