"""Makes a cluster have what its Gateways ask for, and nothing that no Gateway asks for any more.

Driven by levels: it compares what should be with what was applied and with what is there, whenever one of these changes. An
object is applied when its manifest is another one than last time, when it is gone, and when somebody has changed it; the last
with a pause that grows, so that two who disagree do not keep the API server busy. Fields that we do not set, replicas that
somebody scales among them, are whoever's who sets them. What a Gateway leaves behind when it is deleted goes by its owner
references; what it no longer wants while it is there, such as the objects of its former class, goes here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import trio

from hauberk_control.gateways.names import MANAGED_BY, MANAGED_LABEL
from hauberk_control.gateways.owned import KINDS, Owned, OwnedKey, OwnedObjects, state_of
from hauberk_control.gateways.refusals import Refusal, refused
from hauberk_control.gateways.replicas import with_replicas_of_others
from hauberk_control.gateways.wanted import WantedGateways
from hauberk_control.kubernetes.errors import ApiError, Unreachable
from hauberk_control.kubernetes.follow import Follower, Streams
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG
from hauberk_core.resources import Gateway

# After a refusal, or when somebody else changes what we apply: sooner at first, because most such things pass.
_SHORTEST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 300.0
# The API server's word of what was just applied comes within moments; without it for so long, it is looked at again.
_HEARD_SECONDS: Final = 10.0


class ObjectApi(Protocol):
    """Whoever reads and writes objects (`kubernetes.objects.Objects`). All raise ApiError."""

    async def apply(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None: ...

    async def delete(self, api_version: str, kind: str, namespace: str, name: str, uid: str) -> None: ...

    async def list(self, api_version: str, kind: str, label_selector: str) -> Sequence[Mapping[str, Any]]: ...


class _Applied(NamedTuple):
    """What was last applied, and what the API server made of it."""

    digest: bytes
    state: str
    before: str | None
    """What it was then: as long as it still seems to be that, the API server's word is under way."""
    at: float


class _Pause:
    """When an object may be tried again."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self._backoff = Backoff(random, _SHORTEST_SECONDS, _LONGEST_SECONDS)
        self.until = 0.0

    def extend(self) -> None:
        """Not before a moment that is later each time, unless all was quiet for long."""
        now = trio.current_time()
        if now - self.until > _LONGEST_SECONDS:
            self._backoff.reset()
        self.until = now + self._backoff.next_pause()

    def relent(self) -> None:
        """There was nothing to mend: what was changed is not ours, and is no quarrel."""
        self._backoff.reset()
        self.until = min(self.until, trio.current_time() + _SHORTEST_SECONDS)


class GatewayReconciler:
    """Works while this control leads."""

    def __init__(
        self,
        client: Streams,
        objects: ObjectApi,
        revision: str,
        random: Callable[[], float],
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Args: random - uniform in [0, 1); tell - called when `refusals` are others."""
        self._client: Final = client
        self._objects: Final = objects
        self._random: Final = random
        self._tell: Final = tell
        self._owned: Final = {kind.kind: OwnedObjects(kind, revision, self._look) for kind in KINDS}
        self._wanted: WantedGateways | None = None
        self._applied: Final[dict[OwnedKey, _Applied]] = {}
        self._pauses: Final[dict[OwnedKey, _Pause]] = {}
        self._troubles: Final[dict[OwnedKey, Refusal | None]] = {}
        """None: the API server is away, which is nobody's fault here."""
        self._refusals: tuple[Refusal, ...] = ()
        self._changed = trio.Event()

    def update(self, wanted: WantedGateways) -> None:
        """From now on this should be."""
        self._wanted = wanted
        self._look()

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What is not as it should be, for the Gateways' status."""
        return self._refusals

    async def run(self) -> None:
        """Work until cancelled; what is half done then is done by whoever leads next."""
        async with trio.open_nursery() as nursery:
            for owned in self._owned.values():
                nursery.start_soon(self._follow, owned)
            while True:
                self._changed = trio.Event()
                due = await self._reconcile()
                self._tell_refusals()
                with trio.move_on_at(due):
                    await self._changed.wait()

    async def _follow(self, owned: OwnedObjects) -> None:
        backoff = Backoff(self._random)
        while True:
            try:
                await Follower(self._client, owned.collection, owned, self._random).run()
            except ApiError as error:
                LOG.warning("%s", error)
            await trio.sleep(backoff.next_pause())

    def _look(self) -> None:
        self._changed.set()

    def _tell_refusals(self) -> None:
        found = [trouble for trouble in self._troubles.values() if trouble is not None]
        for owned in self._owned.values():
            found += [Refusal(key, live.failure, of_pods=True) for key, live in owned.objects.items() if live.failure]
        refusals = tuple(sorted(found))
        if refusals != self._refusals:
            self._refusals = refusals
            self._tell()

    async def _reconcile(self) -> float:
        """Compare, and do what there is to do. Returns: when to look again though nothing changes, on trio's clock."""
        wanted = self._wanted
        if wanted is None or not all(owned.listed for owned in self._owned.values()):
            return math.inf
        due = math.inf
        planned = {_key_of(manifest): manifest for plan in wanted.plans.values() for manifest in plan.objects}
        for key, manifest in planned.items():
            due = min(due, await self._bring(key, manifest))
        # Of those without a plan now, because they are another revision's or their parameters are wrong, all stays as it is.
        kept = wanted.names - {(key.namespace, key.name) for key in planned}
        for owned in self._owned.values():
            for key, live in list(owned.objects.items()):
                if key not in planned and (key.namespace, key.name) not in kept and live.is_gateways:
                    due = min(due, await self._remove(owned, key, live))
        known = {*planned, *[key for owned in self._owned.values() for key in owned.objects]}
        for memory in (self._applied, self._pauses, self._troubles):
            for key in memory.keys() - known:
                memory.pop(key)
        return due

    async def _bring(self, key: OwnedKey, manifest: Mapping[str, Any]) -> float:
        """Make one object what it should be. Returns: when to come back to it."""
        now = trio.current_time()
        digest = msgspec.json.encode(manifest, order="deterministic")
        applied = self._applied.get(key)
        live = self._owned[key.kind].objects.get(key)
        state = None if live is None else live.state
        is_new = applied is None or applied.digest != digest
        is_marked = live is not None and live.is_marked_as(manifest)
        if applied is not None and not is_new:
            if state == applied.state and is_marked:
                self._applied[key] = applied._replace(before=state)
                return math.inf
            if state == applied.before and now < applied.at + _HEARD_SECONDS:
                return applied.at + _HEARD_SECONDS
        pause = self._pauses.setdefault(key, _Pause(self._random))
        if pause.until > now and (not is_new or key in self._troubles):
            return pause.until
        if not is_new or key in self._troubles:
            pause.extend()
        try:
            if live is None:
                await self._make_sure_it_is_not_somebodys(key, manifest)
            if key.kind == "Deployment":
                manifest = await with_replicas_of_others(manifest, self._objects)
            stored = await self._objects.apply(manifest)
        except (ApiError, _SomebodyElses) as error:
            self._note(key, error)
            if pause.until <= now:
                pause.extend()
            return pause.until
        if is_marked and state_of(stored) == state:
            pause.relent()
        self._applied[key] = _Applied(digest, state_of(stored), state, trio.current_time())
        self._troubles.pop(key, None)
        return trio.current_time() + _HEARD_SECONDS

    async def _make_sure_it_is_not_somebodys(self, key: OwnedKey, manifest: Mapping[str, Any]) -> None:
        """An object of this name that was not made for a Gateway stays as it is. Raises: _SomebodyElses, ApiError."""
        found = await self._objects.get(manifest["apiVersion"], key.kind, key.namespace, key.name)
        if found is not None and not _is_made_by_us(found["metadata"], manifest["metadata"]):
            raise _SomebodyElses("there is one of this name that was not made for the Gateway; rename or remove it")

    async def _remove(self, owned: OwnedObjects, key: OwnedKey, live: Owned) -> float:
        pause = self._pauses.setdefault(key, _Pause(self._random))
        if pause.until > trio.current_time():
            return pause.until
        # Whether it has worked is told by the object's disappearance.
        pause.extend()
        try:
            await self._objects.delete(owned.endpoint.api_version, key.kind, key.namespace, key.name, live.uid)
        except ApiError as error:
            self._note(key, error)
        else:
            LOG.info("%s %s/%s is removed: no Gateway asks for it", *key)
        return pause.until

    def _note(self, key: OwnedKey, error: "ApiError | _SomebodyElses") -> None:
        trouble: Refusal | None = None
        if isinstance(error, _SomebodyElses):
            trouble = Refusal(key, str(error))
        elif not isinstance(error, Unreachable):
            trouble = refused(key, error)
        # The client tells that the API server is away, once for all.
        if trouble is not None and self._troubles.get(key) != trouble:
            LOG.warning("%s %s/%s of a Gateway: %s", *key, error)
        self._troubles[key] = trouble


class _SomebodyElses(Exception):
    """The object is not ours to change; the message says so."""


def _is_made_by_us(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an object that stands there was made for the Gateway, though somebody may have taken its labels, or its owner.

    Args: found, wanted - metadata of objects.
    """
    controllers = [owner for owner in found.get("ownerReferences", ()) if owner.get("controller")]
    if controllers:
        # Of a Gateway of this name that was there before: Kubernetes collects it, and until then it refuses a second controller.
        uids = {owner["uid"] for owner in wanted["ownerReferences"]}
        return controllers[0]["uid"] in uids or controllers[0]["kind"] == Gateway.KIND
    return bool(found.get("labels", {}).get(MANAGED_LABEL) == MANAGED_BY)


def _key_of(manifest: Mapping[str, Any]) -> OwnedKey:
    metadata = manifest["metadata"]
    return OwnedKey(str(manifest["kind"]), metadata["namespace"], metadata["name"])
