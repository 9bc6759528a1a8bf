"""One end of a connection of HTTP/2 on the virtual network, a client's or an endpoint's."""

from typing import Final

from hauberk_core.http.events import Data, Event
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.sim.peer import Peer


class H2Talker:
    """Sends what its machine has to send, and keeps what comes, by stream."""

    def __init__(self, peer: Peer, machine: MultiplexedMachine) -> None:
        self.peer: Final = peer
        self.machine: Final = machine
        self.events: Final[dict[int, list[Event]]] = {}
        self.reads = True
        """Whether it gives windows back for what has come."""

    def talk(self) -> None:
        """Send what there is to send, and hear what there is to hear, until nothing more comes."""
        while True:
            self.peer.send(self.machine.take_output())
            octets = self.peer.received()
            if not octets:
                return
            self.hear(octets)

    def hear(self, octets: bytes) -> None:
        """Take what came."""
        self.machine.receive(octets, 0.0)
        while (event := self.machine.next_event()) is not None:
            self.events.setdefault(self.machine.stream, []).append(event)
            if isinstance(event, Data) and self.reads:
                self.machine.consume(self.machine.stream, len(event.data))
