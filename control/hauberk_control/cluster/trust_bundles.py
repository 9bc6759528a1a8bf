"""Whom to trust, in a ConfigMap in every namespace: pods mount it, because they can mount nothing of another namespace."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import trio

from hauberk_control.kubernetes.errors import CONFLICT, FORBIDDEN, NOT_FOUND, ApiError, Unreachable
from hauberk_control.kubernetes.follow import Collection, Event, Follower, Streams
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.kubernetes.pace import Pace
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG
from hauberk_core.pod import ROOT_CONFIG_MAP, ROOT_FILE

# Roots follow each other by the clock, hours before it matters to anybody.
_LOOK_SECONDS: Final = 10.0
# Events come within moments; one that does not was overtaken by another that looks the same.
_HEARD_SECONDS: Final = 10.0
# A cluster of a thousand namespaces has the bundle within a minute; the API server has other things to do as well.
_PER_SECOND: Final = 20.0
_AT_ONCE: Final = 50
_LABELS: Final = {"app.kubernetes.io/managed-by": "hauberk", "app.kubernetes.io/part-of": "hauberk"}


class Bundle(NamedTuple):
    """The ConfigMap of one namespace."""

    namespace: str
    pem: str | None


class Room(NamedTuple):
    """A namespace."""

    name: str
    ending: bool
    """It is being deleted, and takes nothing new."""


class _Written(NamedTuple):
    """What was written last, over what, and when."""

    pem: str
    before: Bundle | None
    at: float


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    deletion_timestamp: str | None = None


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] | None = None


class TrustBundles:
    """Keeps the ConfigMaps as they are to be."""

    def __init__(self, client: Streams, objects: Objects, trust: Callable[[], bytes], random: Callable[[], float]) -> None:
        """Args: trust - the roots to trust at the moment, PEM; random - uniform in [0, 1)."""
        self._client: Final = client
        self._objects: Final = objects
        self._trust: Final = trust
        self._random: Final = random
        self._pace: Final = Pace(_PER_SECOND, _AT_ONCE)
        self._changed = trio.Event()
        self._written: Final[dict[str, _Written]] = {}
        """By namespace."""
        self._rooms: Final = _Several[Room](self._wake, _read_room, lambda room: room.name)
        self._bundles: Final = _Several[Bundle](self._wake, _read_bundle, lambda bundle: bundle.namespace)

    async def run(self) -> None:
        """Write what is missing or different, until cancelled. Only one replica of control should."""
        rooms = Collection("/api/v1/namespaces")
        bundles = Collection("/api/v1/configmaps", (("fieldSelector", f"metadata.name={ROOT_CONFIG_MAP}"),))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Follower(self._client, rooms, self._rooms, self._random).run)
            nursery.start_soon(Follower(self._client, bundles, self._bundles, self._random).run)
            await self._keep()

    async def _keep(self) -> None:
        backoff = Backoff(self._random)
        while True:
            changed = self._changed
            if self._rooms.listed and self._bundles.listed:
                try:
                    await self._write_missing(self._trust().decode())
                    backoff.reset()
                except ApiError as error:
                    if not isinstance(error, Unreachable):
                        LOG.warning("the trust bundle is not written everywhere: %s", error)
                    await trio.sleep(backoff.next_pause())
                    continue
            with trio.move_on_after(_LOOK_SECONDS):
                await changed.wait()

    async def _write_missing(self, pem: str) -> None:
        """Raises: ApiError, the first of those that are worth another attempt."""
        failed: ApiError | None = None
        for name in self._written.keys() - self._rooms.items.keys():
            del self._written[name]
        for room in list(self._rooms.items.values()):
            bundle = self._bundles.items.get(room.name)
            if room.ending or (bundle is not None and bundle.pem == pem) or self._is_under_way(room.name, pem):
                continue
            await self._pace.wait()
            manifest = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": ROOT_CONFIG_MAP, "namespace": room.name, "labels": _LABELS},
                "data": {ROOT_FILE: pem},
            }
            try:
                await self._objects.apply(manifest)
                self._written[room.name] = _Written(pem, bundle, trio.current_time())
            except ApiError as error:
                # The namespace has just gone, or goes: that is how the API server says so.
                gone = error.status in (NOT_FOUND, CONFLICT) or (error.status == FORBIDDEN and "terminated" in error.message)
                if not gone:
                    failed = failed or error
        if failed is not None:
            raise failed

    def _is_under_way(self, namespace: str, pem: str) -> bool:
        """Whether this was written, and the event that tells so, or anything later, has not come yet."""
        written = self._written.get(namespace)
        if written is None or written.pem != pem or written.before is not self._bundles.items.get(namespace):
            return False
        return trio.current_time() - written.at < _HEARD_SECONDS

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


Each = TypeVar("Each")


class _Several(Generic[Each]):
    """All of one kind, by the namespace they are about: a sink."""

    def __init__(self, wake: Callable[[], None], read: Callable[[bytes], Each], name: Callable[[Each], str]) -> None:
        self.items: Final[dict[str, Each]] = {}
        self.listed = False
        self._wake: Final = wake
        self._read: Final = read
        self._name: Final = name

    def decode(self, data: bytes) -> Each:
        return self._read(data)

    def replace(self, items: Sequence[Each]) -> None:
        self.items.clear()
        self.items.update({self._name(item): item for item in items})
        self.listed = True
        self._wake()

    def apply(self, events: Sequence[Event[Each]]) -> None:
        for deleted, item in events:
            if deleted:
                self.items.pop(self._name(item), None)
            else:
                self.items[self._name(item)] = item
        self._wake()

    def trouble(self, error: ApiError | None) -> None:
        """Whatever happens meanwhile is told later."""


def _read_room(data: bytes) -> Room:
    metadata = msgspec.json.decode(data, type=_ConfigMap).metadata
    return Room(metadata.name, metadata.deletion_timestamp is not None)


def _read_bundle(data: bytes) -> Bundle:
    found = msgspec.json.decode(data, type=_ConfigMap)
    return Bundle(found.metadata.namespace, (found.data or {}).get(ROOT_FILE))
