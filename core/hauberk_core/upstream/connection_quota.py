"""How many connections a cluster may have: by its settings, by its guards, and beside those of other workers.

Workers that share the right to connections hand it over: one that has a connection which nobody uses closes it, and holds off for
a moment, when another worker's requests wait.
"""

from typing import TYPE_CHECKING, Final

from hauberk_core.net.wheel import Timer, TimerOwner

if TYPE_CHECKING:
    from hauberk_core.upstream.cluster import UpstreamCluster

# Where workers share the right to connections, each looks this often whether it may have one that a request waits for; that is
# what a change of hands costs.
LOOK_WAITING_SECONDS: Final = 1 / 32
# And this often, while it has connections and nobody waits here, whether somebody waits elsewhere.
LOOK_IDLE_SECONDS: Final = 1 / 4


class ConnectionQuota:
    """Counts the connections of one cluster in one worker, and says whether there may be one more."""

    def __init__(self, cluster: "UpstreamCluster") -> None:
        self.open: int = 0
        """Connections that are open or being opened."""
        self._cluster: Final = cluster
        self._look: Final = Timer(_Look(self))
        self._held_off = False
        """A connection was closed for another worker, which has until the next look to open one in its place."""
        self._retired = False

    def opened(self) -> None:
        """One more."""
        self.open += 1
        self.tell_guards()

    def closed(self) -> None:
        """One fewer."""
        self.open -= 1
        self.tell_guards()

    def tell_guards(self) -> None:
        """Let guards know how many connections there are, and how many requests wait."""
        guards = self._cluster.guards
        if guards is not None:
            guards.count(self.open, self._cluster.waiting())

    def guards_changed(self) -> None:
        """Go by the cluster's new guards from now on."""
        self._held_off = False
        self.tell_guards()
        self.look_again()

    def retire(self) -> None:
        """The cluster opens connections for nobody any more but those who are under way."""
        self._retired = True
        self._held_off = False
        self._cluster.loop.wheel.drop(self._look)

    def has_room(self) -> bool:
        """Whether there may be one more."""
        cluster = self._cluster
        if self.open >= cluster.settings.max_connections or self._held_off:
            return False
        return cluster.guards is None or cluster.guards.may_connect(self.open)

    def makes_room(self) -> bool:
        """Whether there may be one more, if need be in place of one that nobody uses, which is closed."""
        return self.has_room() or (self._cluster.close_one_idle() and self.has_room())

    # Beside other workers.

    def is_surplus(self) -> bool:
        """Whether the connection that has just come free is for another worker to replace by one of its own."""
        guards = self._cluster.guards
        if guards is None or not guards.shares or guards.surplus(self.open) == 0:
            return False
        self._held_off = True
        self._look_in(LOOK_WAITING_SECONDS)
        return True

    def look_again(self) -> None:
        """See to it that other workers' wishes are noticed, where connections are counted together with theirs."""
        guards = self._cluster.guards
        if guards is not None and guards.shares and not self._retired:
            someone_waits = self._cluster.queue.length() > 0
            if someone_waits or self.open:
                pause = LOOK_WAITING_SECONDS if someone_waits else LOOK_IDLE_SECONDS
                if self._cluster.loop.now + pause < self._look.deadline:
                    self._look_in(pause)

    def _look_in(self, seconds: float) -> None:
        loop = self._cluster.loop
        loop.wheel.arm(self._look, loop.now + seconds)

    def look(self) -> None:
        """See whether other workers wait for connections that nobody uses here, or have left some for requests that wait here."""
        self._held_off = False
        cluster = self._cluster
        guards = cluster.guards
        if guards is None:
            return
        surplus = guards.surplus(self.open)
        if surplus > 0:
            # What is closed here must not be opened again for somebody who waits here.
            self._held_off = True
            closed = False
            while surplus > 0 and cluster.close_one_idle():
                closed = True
                surplus -= 1
            self._held_off = closed
        if not self._held_off:
            cluster.queue.serve()
        self.look_again()


class _Look(TimerOwner):
    def __init__(self, quota: ConnectionQuota) -> None:
        self._quota: Final = quota

    def timed_out(self, timer: Timer) -> None:
        self._quota.look()
