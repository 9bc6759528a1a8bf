"""A listener of UDP at work: sessions by client, bounded in number and in time.

Addresses of senders can be forged, so that a session costs whoever begins it nothing. When all places are taken, a new client
gets that of the oldest session without an answer, else that of the oldest one whose client has said nothing since it was
answered: endpoints answer forged questions as well. Kept are those whose client has gone on behind an answer; but a host that has
crowded many places with such makes room for hosts that have few, so that nobody keeps others out with his own address either.

A session belongs to the worker that has its socket. The kernel gives one client's datagrams to one worker for as long as the
sockets of an address stay the same; after a change of workers a client goes on with a new session.
"""

from typing import Final

from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.reason import Reason
from hauberk_core.net.datagrams import DatagramListening, DatagramPath, peer_host
from hauberk_core.net.loop import Loop
from hauberk_core.net.poller import READ
from hauberk_core.net.transport import Transport
from hauberk_core.observe import datagram_meters
from hauberk_core.observe.datagram_meters import DatagramMeters
from hauberk_core.proxy.chain import ChainOwner
from hauberk_core.proxy.datagram_session import DatagramSession, SessionOwner
from hauberk_core.route.dice import Dice

# Of one wake: everybody else comes first again after so many; the kernel keeps the rest.
DATAGRAMS_PER_WAKE: Final = 64
# When a listener closes it passes on what waits for it, so much at most: a sender that never stops cannot hold the closing up.
DATAGRAMS_AT_CLOSE: Final = 4096
# From so many sessions on, or this part of all places if that is more, a host is a crowd: dozens of hosts would have to conspire.
CROWD_LEAST: Final = 16
CROWD_PART: Final = 64
# Where more than this part of the sessions are of clients that have not gone on, they are a flood, and no crowd is to blame.
MOSTLY_FORGED: Final = 0.75
# So many sessions are looked at for one that may end, for one datagram.
LOOKED_AT: Final = 16
# An answer that is under way when a listener closes still has so long; resolvers ask again after as much (resolv.conf(5)).
LAST_ANSWER_SECONDS: Final = 5.0


class DatagramListener(SessionOwner):
    """Receives datagrams and passes each on by its session."""

    def __init__(
        self,
        loop: Loop,
        listening: DatagramListening,
        transport: Transport,
        owner: ChainOwner,
        meters: DatagramMeters,
        dice: Dice,
    ) -> None:
        self.listening: Final = listening
        self._loop: Final = loop
        self._transport: Final = transport
        self._owner: Final = owner
        self._meters: Final = meters
        self._dice: Final = dice
        self._config: Datagrams = Datagrams()
        self._clusters: set[str] = set()
        self._descriptor: Final[int] = listening.fileno()
        self._sessions: Final[dict[tuple[DatagramPath, str], DatagramSession]] = {}
        """By client; where datagrams are divided one by one, by client and endpoint."""
        self._unanswered: Final[dict[DatagramSession, bool]] = {}
        """Those among them that no endpoint has answered, the oldest first."""
        self._one_sided: Final[dict[DatagramSession, bool]] = {}
        """Those that were answered, and whose client has not gone on since; the one that was answered first stands first."""
        self._of_hosts: Final[dict[str, dict[DatagramSession, bool]]] = {}
        """By the client's host: those first whose client has not gone on behind an answer, and of each kind the oldest first."""
        self._crowds: Final[dict[str, bool]] = {}
        """Hosts that have many."""
        self._open = False
        self._closed = False
        self._released = False

    def configure(self, config: Datagrams) -> None:
        """Serve by this from now on. Sessions go on while their cluster is among the backends and their endpoint is there."""
        self._config = config
        self._clusters = {backend.cluster for backend in config.backends}

    def sessions(self) -> int:
        """How many are not over."""
        return len(self._sessions)

    def open(self) -> None:
        """Begin to receive."""
        if not self._open and not self._closed:
            self._open = True
            self._loop.register(self._descriptor, self, READ)

    def close(self) -> None:
        """Pass on what has come, take nothing more, and let answers that are under way arrive."""
        if self._closed:
            return
        self._receive(DATAGRAMS_AT_CLOSE)
        self._closed = True
        self._open = False
        self._loop.forget(self._descriptor)
        for session in list(self._sessions.values()):
            if session.awaits:
                self._loop.wheel.arm(session.timer, self._loop.now + LAST_ANSWER_SECONDS)
            else:
                self.end(session, None, "")
        self._release_if_done()

    # Handler.

    def ready(self, events: int) -> None:
        self._receive(DATAGRAMS_PER_WAKE)

    def give_up(self, error: Exception) -> None:
        # It was one datagram; the listener goes on.
        self._meters.dropped(datagram_meters.CONNECT_FAILED)

    # SessionOwner.

    def answer(self, session: DatagramSession, data: bytes) -> None:
        if not session.answered:
            session.answered = True
            self._unanswered.pop(session, None)
            self._one_sided[session] = True
        session.awaits = False
        if self.listening.send(data, session.path):
            session.record.bytes_sent += len(data)
            self._meters.sent(len(data))
        else:
            self._meters.dropped(datagram_meters.TO_CLIENT)
        # An answer may be several datagrams: the others of a last one come within moments.
        self._loop.wheel.arm(session.timer, self._loop.now + (0.0 if self._closed else self._config.idle_timeout.seconds))

    def end(self, session: DatagramSession, reason: Reason | None, detail: str) -> None:
        if session.ended:
            return
        session.ended = True
        session.endpoint.active -= 1
        self._sessions.pop(session.key, None)
        self._unanswered.pop(session, None)
        self._one_sided.pop(session, None)
        self._leave_host(session)
        self._owner.pressure.sessions -= 1
        loop = self._loop
        loop.wheel.drop(session.timer)
        loop.release(session.descriptor, session.socket)
        record = session.record
        record.duration = loop.clock.now() - session.began
        record.reason = reason
        record.details = detail
        self._meters.session_closed()
        self._owner.report_passage(record)
        self._release_if_done()

    # Inside.

    def _receive(self, most: int) -> None:
        for _ in range(most):
            received = self.listening.receive() if self._open else None
            if received is None:
                return
            self._meters.received(len(received[0]))
            cause = self._pass_on(received[0], received[1])
            if cause:
                self._meters.dropped(cause)

    def _pass_on(self, data: bytes, path: DatagramPath) -> str:
        """Returns: why the datagram goes no further; empty: it does."""
        # A send that fails tells of an earlier datagram. This one was not sent, and gets a session anew, perhaps elsewhere.
        for _ in range(2):
            session = self._session_for(path)
            if isinstance(session, str):
                return session
            if session.answered and self._one_sided.pop(session, False):
                self._put_last(session)
            went = self._send(session, data)
            if not session.ended:
                self._loop.wheel.arm(session.timer, self._loop.now + self._config.idle_timeout.seconds)
                return "" if went else datagram_meters.TO_ENDPOINT
        return datagram_meters.CONNECT_FAILED

    def _send(self, session: DatagramSession, data: bytes) -> bool:
        try:
            return session.send(data)
        except OSError as error:
            self.end(session, Reason.CONNECT_FAILED, f"the endpoint is not there: {error}")
        return False

    def _session_for(self, path: DatagramPath) -> DatagramSession | str:
        """The session that a datagram belongs to, begun if need be, or why there is none."""
        by_datagram = self._config.balance == "datagram"
        if not by_datagram:
            known = self._sessions.get((path, ""))
            if known is not None:
                if not known.endpoint.retired and known.record.cluster in self._clusters:
                    return known
                self.end(known, None, "")
        cluster = self._draw()
        target = self._owner.target(cluster) if cluster else None
        if target is None:
            return datagram_meters.NO_BACKEND
        host = peer_host(path)
        endpoint = target.cluster.choice.pick_for_client(host)
        if endpoint is None:
            return datagram_meters.NO_ENDPOINT
        key = (path, endpoint.address if by_datagram else "")
        if by_datagram:
            known = self._sessions.get(key)
            if known is not None and known.endpoint is endpoint:
                return known
            if known is not None:
                self.end(known, None, "")
        if not self._has_room(host):
            return datagram_meters.OVERFLOW
        try:
            sock = self._transport.open_datagrams(endpoint.host, endpoint.port, endpoint.source)
        except OSError:
            return datagram_meters.CONNECT_FAILED
        session = DatagramSession(self, key, cluster, endpoint, sock)
        record = session.record
        record.start = self._loop.clock.wall()
        record.downstream_local = self.listening.local_address(path)
        session.began = self._loop.clock.now()
        endpoint.active += 1
        self._sessions[key] = session
        self._unanswered[session] = True
        self._join_host(session, host)
        self._owner.pressure.sessions += 1
        self._loop.register(session.descriptor, session, READ)
        self._meters.session_opened()
        return session

    def _has_room(self, host: str) -> bool:
        """Whether another session may begin for a host, if need be in place of one of a crowd or of a perhaps forged sender."""
        if len(self._sessions) < self._config.max_sessions and self._owner.pressure.takes_session():
            return True
        if host in self._crowds:
            return self._displace(self._unanswered, True, "which no endpoint had answered") or self._displace(
                self._one_sided, True, "whose client had not gone on"
            )
        for crowd in self._crowds:
            if len(self._unanswered) + len(self._one_sided) > MOSTLY_FORGED * len(self._sessions):
                # It is not this host that takes the places.
                break
            for oldest in self._of_hosts[crowd]:
                self.end(oldest, Reason.OVERFLOW, "another host got the place of this session, whose host had many")
                return True
        return self._displace(self._unanswered, False, "which no endpoint had answered") or self._displace(
            self._one_sided, False, "whose client had not gone on"
        )

    def _displace(self, among: dict[DatagramSession, bool], only_crowds: bool, what: str) -> bool:
        """End the oldest of these, or of a crowd's among the oldest. Returns: whether there was one."""
        left = LOOKED_AT
        for session in among:
            if not only_crowds or peer_host(session.path) in self._crowds:
                self.end(session, Reason.OVERFLOW, f"another client got the place of this session, {what}")
                return True
            left -= 1
            if not left:
                return False
        return False

    def _join_host(self, session: DatagramSession, host: str) -> None:
        sessions = self._of_hosts.setdefault(host, {})
        sessions[session] = True
        if len(sessions) > max(CROWD_LEAST, self._config.max_sessions // CROWD_PART):
            self._crowds[host] = True

    def _put_last(self, session: DatagramSession) -> None:
        """Its client has gone on: others of the host, which may be forged in its name, make room before it."""
        sessions = self._of_hosts.get(peer_host(session.path))
        if sessions is not None and sessions.pop(session, False):
            sessions[session] = True

    def _leave_host(self, session: DatagramSession) -> None:
        host = peer_host(session.path)
        sessions = self._of_hosts.get(host)
        if sessions is None:
            return
        sessions.pop(session, None)
        if len(sessions) <= max(CROWD_LEAST, self._config.max_sessions // CROWD_PART):
            self._crowds.pop(host, None)
        if not sessions:
            del self._of_hosts[host]

    def _draw(self) -> str:
        """The name of a cluster, by weight; empty: there is none."""
        total = 0
        for backend in self._config.backends:
            total += backend.weight
        drawn = self._dice.next() * total
        for backend in self._config.backends:
            drawn -= backend.weight
            if drawn < 0:
                return backend.cluster
        return ""

    def _release_if_done(self) -> None:
        """Close the socket behind the last answer: answers come from it."""
        if self._closed and not self._sessions and not self._released:
            self._released = True
            self._loop.release(self._descriptor, self.listening)
