"""From the store to what each proxy is to hold: the latest store wins, and a change wakes whoever serves proxies."""

import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from hauberk_control.discovery.session import Configuration
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import Notes
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.wire_proto.configuration import Encoder, encode_configuration

StoreT = TypeVar("StoreT")


class Translated(Protocol):
    """What translation makes of a store for one proxy."""

    @property
    def snapshot(self) -> Snapshot:
        """Its configuration; the version is a digest of it."""

    @property
    def certificates(self) -> Mapping[str, CertificatePem]:
        """Secrets that its listeners present, by their names in the snapshot."""

    @property
    def notes(self) -> Notes:
        """What there is to say of it."""


class Configurations(Generic[StoreT]):
    """The configuration of every proxy, as of the store published last.

    May be used from several threads. A published store is only referred to: what it means for a proxy is worked out when that
    proxy is served, so that of stores that follow each other quickly most are never translated.
    """

    def __init__(self, translate: Callable[[StoreT, Node], Translated]) -> None:
        """Begin without a store. Args: translate - pure: equal arguments give equal results."""
        self._translate: Final = translate
        self._encoder: Final = Encoder()
        self._lock: Final = threading.Lock()
        self._stores: list[StoreT] = []
        self._generation = 0
        self._watchers: Final[dict[int, Callable[[], None]]] = {}
        self._next_watcher = 0

    @property
    def generation(self) -> int:
        """Counts the stores published so far; 0: none."""
        return self._generation

    def publish(self, store: StoreT) -> None:
        """From now on `store` is what counts."""
        with self._lock:
            self._stores = [store]
            self._generation += 1
            watchers = list(self._watchers.values())
        for notify in watchers:
            notify()

    def for_node(self, node: Node) -> Configuration:
        """What this proxy is to hold. Takes time: translation. A store must have been published."""
        translated = self._translate(self._stores[0], node)
        snapshot = translated.snapshot
        resources = encode_configuration(snapshot, translated.certificates, self._encoder)
        return Configuration(snapshot.version, resources, translated.notes)

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` at every publication, in the thread of the publisher; it must return at once.

        Returns: a function that ends this.
        """
        with self._lock:
            number = self._next_watcher
            self._next_watcher += 1
            self._watchers[number] = notify

        def end() -> None:
            with self._lock:
                self._watchers.pop(number, None)

        return end
