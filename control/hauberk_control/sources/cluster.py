"""Objects from a cluster: every kind that is registered, followed wherever the API server serves it.

Which kinds are served may change at any time: definitions of custom resources are installed after us, or removed. So these are
followed as well, by name; each change of one of ours has the API server asked again what it serves.
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio

from hauberk_control.kubernetes.client import Client
from hauberk_control.kubernetes.endpoints import Endpoint, find_endpoints
from hauberk_control.kubernetes.errors import FORBIDDEN, ApiError, Unreachable
from hauberk_control.kubernetes.follow import Collection, Event, Follower
from hauberk_control.sources.definitions import DEFINITIONS, DefinitionName, Definitions
from hauberk_control.sources.known import MOST_OBJECTS, Change, Known, KnownObjects
from hauberk_control.sources.source import Loaded, Source
from hauberk_control.store import ObjectKey, Store
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG
from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import ConfigMap, Resource, Secret
from hauberk_core.resources.registry import Kinds

REPLICAS_LABEL: Final = "hauberk.dev/proxies-of"
"""On ConfigMaps by which replicas of control tell each other of their proxies; the value is the revision."""
# Asked from time to time too, for clusters that do not let us follow definitions, and for APIs that are no custom resources.
_LOOK_SECONDS: Final = 30.0
# An API server that starts refuses everybody for moments. Who may not list a kind for longer is not allowed to, and control goes
# on with the others.
_FORBIDDEN_SECONDS: Final = 10.0
# Secrets of these types are many, large, and none of a proxy's business.
_SECRETS: Final = ",".join(
    f"type!={type_}"
    for type_ in (
        "helm.sh/release.v1",
        "kubernetes.io/service-account-token",
        "kubernetes.io/dockercfg",
        "kubernetes.io/dockerconfigjson",
        "bootstrap.kubernetes.io/token",
    )
)
_SELECTORS: Final[dict[type[Resource], tuple[tuple[str, str], ...]]] = {
    Secret: (("fieldSelector", _SECRETS),),
    # What replicas of control tell each other.
    ConfigMap: (("labelSelector", f"!{REPLICAS_LABEL}"),),
}
KUBERNETES_GROUPS: Final = frozenset(("", "apps", "discovery.k8s.io"))
"""Groups whose objects have their status from Kubernetes itself."""


class ClusterSource(Source):
    """Follows a cluster while `run` runs."""

    def __init__(self, client: Client, kinds: Kinds, random: Callable[[], float]) -> None:
        """Args: kinds - what is read; random - uniform in [0, 1)."""
        self._client: Final = client
        self._kinds: Final = kinds
        self._random: Final = random
        self._followed: Final[dict[type[Resource], _FollowedKind]] = {}
        self._definitions: Final = Definitions({kind.GROUP for kind in kinds.all()}, self._look)
        self._looked = False
        """It is known which kinds are served."""
        self._look_again = trio.Event()
        self._store = Store()
        self._changed = trio.Event()
        self._told: Loaded | None = None
        self._watchers: Final[list[Callable[[frozenset[ObjectKey]], None]]] = []

    async def next(self) -> Loaded:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            if self._complete():
                loaded = Loaded(self._store, self._errors())
                # Stores are equal only if nothing has changed, and then they are the same.
                if self._told is None or loaded.store is not self._told.store or loaded.errors != self._told.errors:
                    self._told = loaded
                    return loaded

    def known(self, key: ObjectKey) -> Known | None:
        """What the API server last told of an object."""
        for kind, followed in self._followed.items():
            if (key.group, key.kind) == (kind.GROUP, kind.KIND):
                return followed.objects.get(key)
        return None

    def refused(self) -> list[Known]:
        """Objects that are wrong now."""
        return [known for followed in self._followed.values() for known in followed.objects.wrong.values() if known.refused]

    def endpoint(self, key: ObjectKey) -> Endpoint | None:
        """Where objects of this kind are served; None where they are not."""
        for kind, followed in self._followed.items():
            if (key.group, key.kind) == (kind.GROUP, kind.KIND):
                return followed.endpoint
        return None

    @property
    def api_versions(self) -> frozenset[str]:
        """Of Gateway API, as its definitions tell; empty text: one does not tell."""
        return frozenset(self._definitions.gateway_api.values())

    def watch_seen(self, notify: Callable[[frozenset[ObjectKey]], None]) -> None:
        """From now on `notify` is called with all objects of which something is told, if only a status. It must be quick."""
        self._watchers.append(notify)

    async def run(self) -> None:
        """Follow until cancelled. An API server that is away is waited for."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_served, nursery)
            nursery.start_soon(self._follow_definitions, Follower(self._client, DEFINITIONS, self._definitions, self._random))

    def note(self, change: Change) -> None:
        """Something was told of objects of one kind."""
        if change.objects:
            self._store = self._store.with_changes(change.objects)
        self._changed.set()
        for notify in self._watchers:
            notify(change.seen)

    def _look(self) -> None:
        self._look_again.set()

    async def _follow_definitions(self, follower: Follower[DefinitionName]) -> None:
        while True:
            try:
                await follower.run()
            except ApiError as error:  # a cluster that has no custom resources
                LOG.warning("definitions of custom resources are not followed: %s", error)
                await trio.sleep(_LOOK_SECONDS)

    async def _follow_served(self, nursery: trio.Nursery) -> None:
        backoff = Backoff(self._random)
        while True:
            try:
                found = await find_endpoints(self._client, self._kinds.all())
            except ApiError as error:
                if not isinstance(error, Unreachable):
                    LOG.warning("which kinds the API server serves is not known: %s", error)
                await trio.sleep(backoff.next_pause())
                continue
            backoff.reset()
            for kind in self._kinds.all():
                self._serve(nursery, kind, found.get((kind.GROUP, kind.KIND)))
            self._looked = True
            self._changed.set()
            with trio.move_on_after(_LOOK_SECONDS):
                await self._look_again.wait()
            self._look_again = trio.Event()

    def _serve(self, nursery: trio.Nursery, kind: type[Resource], endpoint: Endpoint | None) -> None:
        """From now on a kind is served there, or nowhere."""
        followed = self._followed.get(kind)
        if followed is not None and followed.endpoint == endpoint:
            return
        if endpoint is None and followed is not None and f"{followed.endpoint.plural}.{kind.GROUP}" in self._definitions.names:
            # An API server that starts may not serve everything yet that is defined.
            return
        if followed is not None:
            followed.scope.cancel()
        if endpoint is None:
            if followed is not None:
                LOG.info("%s is served no more", kind.KIND)
                del self._followed[kind]
                followed.replace(())
            return
        fresh = _FollowedKind(self, kind, endpoint, None if followed is None else followed.objects)
        self._followed[kind] = fresh
        if self._looked:
            LOG.info("%s is served now, as %s", kind.KIND, endpoint.api_version)
        nursery.start_soon(fresh.run, self._client, self._random, self._look)

    def _complete(self) -> bool:
        """Whether all there is was told once: less would take away from proxies what they have."""
        return self._looked and all(followed.listed for followed in self._followed.values())

    def _errors(self) -> tuple[ConfigError, ...]:
        errors: list[ConfigError] = []
        for followed in self._followed.values():
            errors += followed.errors()
        if any(followed.is_away for followed in self._followed.values()):
            hint = "everything serves on with what was known; see why it is away"
            errors.append(ConfigError(origin=self._client.host, message="the API server cannot be reached", hint=hint))
        return tuple(sorted(errors, key=lambda error: error.severity)[:MOST_ERRORS])


class _FollowedKind:
    """One kind that is served."""

    def __init__(self, source: ClusterSource, kind: type[Resource], endpoint: Endpoint, before: KnownObjects | None) -> None:
        """Args: before - what is known of it from another version."""
        self.endpoint: Final = endpoint
        self.scope: Final = trio.CancelScope()
        keep_status = endpoint.has_status and kind.GROUP not in KUBERNETES_GROUPS
        self.objects: Final = KnownObjects(kind, endpoint.api_version, keep_status=keep_status)
        self.listed = False
        """Everything was told once, or may not be."""
        self._source: Final = source
        self._kind: Final = kind
        self._problem: ApiError | None = None
        self._began: Final = trio.current_time()
        if before is not None:
            self.objects.replace(list(before.all()))

    async def run(self, client: Client, random: Callable[[], float], look: Callable[[], None]) -> None:
        """Follow until the scope is cancelled. Args: look - to be called where the collection is missing."""
        collection = Collection(self.endpoint.collection(), _SELECTORS.get(self._kind, ()))
        follower = Follower(client, collection, self, random)
        backoff = Backoff(random)
        with self.scope:
            while True:
                try:
                    await follower.run()
                except ApiError as error:
                    # Its definition is gone, or is not complete yet: what is served will tell.
                    LOG.info("%s", error)
                    look()
                await trio.sleep(backoff.next_pause())

    # Sink.

    def decode(self, data: bytes) -> Known:
        return self.objects.decode(data)

    def replace(self, items: Sequence[Known]) -> None:
        self.listed = True
        self._source.note(self.objects.replace(items))

    def apply(self, events: Sequence[Event[Known]]) -> None:
        self._source.note(self.objects.apply(events))

    def trouble(self, error: ApiError | None) -> None:
        self._problem = error
        if error is not None and error.status == FORBIDDEN and trio.current_time() - self._began >= _FORBIDDEN_SECONDS:
            self.listed = True
        self._source.note(Change({}, frozenset()))

    @property
    def is_away(self) -> bool:
        """The API server cannot be reached, which is nothing about this kind."""
        return isinstance(self._problem, Unreachable)

    def errors(self) -> list[ConfigError]:
        """What is wrong with the kind, and with its objects."""
        found = [error for known in self.objects.wrong.values() for error in known.errors]
        if self.objects.too_many:
            message = f"there are more than {MOST_OBJECTS} objects of the kind {self._kind.KIND}; the others are not read"
            found.insert(0, ConfigError(origin=self.endpoint.collection(), message=message, hint="remove what nobody uses"))
        problem = self._problem
        if problem is not None and not self.is_away:
            hint = "what was known of these objects stays in use"
            if problem.status == FORBIDDEN:
                hint = f"grant control's service account get, list and watch of {self.endpoint.plural}; {hint}"
            found.insert(0, ConfigError(origin=self.endpoint.collection(), message=problem.message, hint=hint))
        return found
