"""The listeners of UDP of one worker, and how they follow the configuration."""

from collections.abc import Callable
from typing import Final

from hauberk_core.model.datagrams import Datagrams
from hauberk_core.net.datagrams import DatagramListening
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Transport
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.proxy.chain import ChainOwner
from hauberk_core.proxy.datagram_listener import DatagramListener
from hauberk_core.route.dice import Dice


class DatagramListeners:
    """Those in use, and those that only let their last answers arrive."""

    def __init__(
        self, loop: Loop, transport: Transport, owner: ChainOwner, meters: ProxyMeters, random: Callable[[], float]
    ) -> None:
        self._loop: Final = loop
        self._transport: Final = transport
        self._owner: Final = owner
        self._meters: Final = meters
        self._random: Final = random
        self._listeners: dict[str, DatagramListener] = {}
        self._closing: list[DatagramListener] = []

    def apply(self, wanted: dict[str, tuple[Datagrams, DatagramListening]], receives: bool) -> None:
        """Serve by these from now on, each under its name. Args: receives - whether to take anything new at all."""
        listeners: dict[str, DatagramListener] = {}
        for name, (config, listening) in wanted.items():
            runtime = self._listeners.get(name)
            if runtime is None or runtime.listening is not listening:
                meters = self._meters.datagram_meters(name)
                runtime = DatagramListener(self._loop, listening, self._transport, self._owner, meters, Dice(self._random()))
            runtime.configure(config)
            listeners[name] = runtime
        replaced = self._listeners
        self._listeners = listeners
        self._closing = [listener for listener in self._closing if listener.sessions()]
        for name, runtime in replaced.items():
            if listeners.get(name) is not runtime:
                runtime.close()
                self._closing.append(runtime)
        if receives:
            for runtime in listeners.values():
                runtime.open()

    def drain(self) -> None:
        """Receive nothing more, and let answers that are under way arrive."""
        for listener in self._listeners.values():
            listener.close()

    def sessions(self) -> int:
        """How many are not over."""
        count = 0
        for listener in [*self._listeners.values(), *self._closing]:
            count += listener.sessions()
        return count
