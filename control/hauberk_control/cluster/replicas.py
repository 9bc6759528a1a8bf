"""What the other replicas of control know of proxies: each proxy has its stream to one of them, and statuses speak of all.

Each replica that does not lead keeps a ConfigMap of its own with what it would say of its proxies, as far as a status may depend
on it; the one that leads reads these. A replica whose pod is gone says nothing any more, and Kubernetes collects its ConfigMap.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import trio

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.kubernetes.errors import ApiError, Unreachable
from hauberk_control.kubernetes.follow import Collection, Event, Follower, Streams
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.kubernetes.pace import Pace
from hauberk_control.sources.cluster import REPLICAS_LABEL
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG

MOST_TOLD: Final = 500
"""Proxies in one ConfigMap, which may have 1 MiB: gateways first, and sidecars that have refused something or lack a plugin."""

_DATA: Final = "proxies"
_PER_SECOND: Final = 2.0
_AT_ONCE: Final = 5
_LONGEST_NAME: Final = 200


class Told(NamedTuple):
    """What one replica says of its proxies."""

    name: str
    replica: str
    proxies: tuple[ProxyStatus, ...]


class _Metadata(msgspec.Struct):
    name: str
    annotations: dict[str, str] = {}


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}


class Replicas:
    """Us among the others. Every replica runs this."""

    def __init__(
        self,
        client: Streams,
        objects: Objects,
        place: tuple[str, str, str],
        own: Callable[[], list[ProxyStatus]],
        leads: Callable[[], bool],
        changed: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        """Args: place - our namespace, our revision, and our pod's name; own - the proxies that we serve; leads - whether we
        do, and need tell nobody; changed - to be called when another replica says something new."""
        self._client: Final = client
        self._objects: Final = objects
        self._namespace, self._revision, self._replica = place
        self._own: Final = own
        self._leads: Final = leads
        self._tell: Final = changed
        self._random: Final = random
        self._pace: Final = Pace(_PER_SECOND, _AT_ONCE)
        self._changed = trio.Event()
        self._others: dict[str, Told] = {}

    def wake(self) -> None:
        """Our own proxies may be in another state, or we lead no more. From trio."""
        self._changed.set()

    def elsewhere(self, is_there: Callable[[str], bool]) -> list[ProxyStatus]:
        """What is known of the other replicas' proxies. From any thread.

        Args: is_there - whether a replica's pod still exists.
        """
        others = [told for told in list(self._others.values()) if told.replica != self._replica and is_there(told.replica)]
        return [proxy for told in others for proxy in told.proxies]

    async def run(self) -> None:
        """Tell and listen until cancelled."""
        selector = (("labelSelector", f"{REPLICAS_LABEL}={self._revision}"),)
        collection = Collection(f"/api/v1/namespaces/{self._namespace}/configmaps", selector)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Follower(self._client, collection, self, self._random).run)
            nursery.start_soon(self._write)

    # A sink of the ConfigMaps.

    def decode(self, data: bytes) -> Told:
        found = msgspec.json.decode(data, type=_ConfigMap)
        try:
            proxies = msgspec.json.decode(found.data.get(_DATA, "[]"), type=tuple[ProxyStatus, ...])
        except msgspec.MsgspecError:  # of another version of control
            proxies = ()
        return Told(found.metadata.name, found.metadata.annotations.get(REPLICAS_LABEL, ""), proxies)

    def replace(self, items: Sequence[Told]) -> None:
        self._others = {item.name: item for item in items}
        self._tell()

    def apply(self, events: Sequence[Event[Told]]) -> None:
        others = dict(self._others)
        for deleted, item in events:
            if deleted:
                others.pop(item.name, None)
            else:
                others[item.name] = item
        self._others = others
        if any(event.item.replica != self._replica for event in events):
            self._tell()

    def trouble(self, error: ApiError | None) -> None:
        """What was said last counts."""

    async def _write(self) -> None:
        written: bytes | None = None
        backoff = Backoff(self._random)
        while True:
            self._changed = trio.Event()
            text = msgspec.json.encode(_worth_telling(self._own()))
            if text != written and not self._leads():
                await self._pace.wait()
                try:
                    await self._objects.apply(self._manifest(text, await self._owner()))
                    written = text
                    backoff.reset()
                except ApiError as error:
                    if not isinstance(error, Unreachable):
                        LOG.warning("other replicas are not told of our proxies: %s", error)
                    await trio.sleep(backoff.next_pause())
                continue
            await self._changed.wait()

    async def _owner(self) -> list[dict[str, str]]:
        """Our pod, with which the ConfigMap goes."""
        pod = await self._objects.get("v1", "Pod", self._namespace, self._replica)
        if pod is None:
            return []
        return [{"apiVersion": "v1", "kind": "Pod", "name": self._replica, "uid": pod["metadata"]["uid"]}]

    def _manifest(self, text: bytes, owner: list[dict[str, str]]) -> dict[str, object]:
        digest = hashlib.sha256(self._replica.encode()).hexdigest()[:8]
        metadata = {
            "name": f"hauberk-proxies-{self._replica.lower()[:_LONGEST_NAME]}-{digest}",
            "namespace": self._namespace,
            "labels": {REPLICAS_LABEL: self._revision, "app.kubernetes.io/managed-by": "hauberk"},
            "annotations": {REPLICAS_LABEL: self._replica},
            "ownerReferences": owner,
        }
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_DATA: text.decode()}}


def _worth_telling(proxies: Sequence[ProxyStatus]) -> list[ProxyStatus]:
    """Those that a status may speak of, without what changes all the time."""
    chosen = [proxy for proxy in proxies if proxy.role == "gateway" or proxy.refused_version or proxy.notes.missing]
    chosen.sort(key=lambda proxy: (proxy.role, proxy.namespace, proxy.name, proxy.connected_since))
    return [msgspec.structs.replace(proxy, behind_seconds=0.0) for proxy in chosen[:MOST_TOLD]]
