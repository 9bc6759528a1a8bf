"""Injection in a cluster: the webhook with what it has to know of the cluster, and the API server's trust in it."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import trio
from prometheus_client import CollectorRegistry

from hauberk_control.ca.own_certificate import OwnCertificate
from hauberk_control.gateways.names import REVISION_LABEL
from hauberk_control.inject.ca_bundle import WEBHOOK_LABEL, ca_bundle_patch
from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster, cluster_of_version
from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.review import Reviewer
from hauberk_control.inject.webhook import Webhook
from hauberk_control.kubernetes.client import Client
from hauberk_control.kubernetes.errors import NOT_FOUND, ApiError
from hauberk_control.kubernetes.follow import Collection, Event, Follower, Streams
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.proxy_settings import ProxySettings
from hauberk_control.store import Store
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.logs import LOG
from hauberk_core.resources import Namespace as NamespaceKind

_API_VERSION: Final = "admissionregistration.k8s.io/v1"
_KIND: Final = "MutatingWebhookConfiguration"
_PATH: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
# Roots follow each other by the clock, hours before it matters to anybody.
_LOOK_SECONDS: Final = 10.0
_UNTOLD: Final = "the API server cannot be told whom the webhook's certificate is from"


class _Version(msgspec.Struct):
    major: str = ""
    minor: str = ""


async def read_cluster(client: Client) -> Cluster:
    """What this cluster can do, by its version. Raises: ApiError."""
    try:
        version = msgspec.json.decode(await client.request("GET", "/version"), type=_Version)
    except msgspec.MsgspecError as error:
        raise ApiError(0, f"GET /version: this is no version: {error}") from error
    return cluster_of_version(version.major, version.minor)


def make_webhook(
    own: OwnCertificate,
    settings: ProxySettings,
    cluster: Cluster,
    namespaces: "Namespaces",
    registry: CollectorRegistry,
) -> Webhook:
    """The webhook of one replica. Raises: AuthorityError."""
    return Webhook(own, Reviewer(settings, cluster), namespaces.find, registry)


class Namespaces:
    """What is known of the cluster's namespaces."""

    def __init__(self, objects: Objects, store: Callable[[], Store]) -> None:
        self._objects: Final = objects
        self._store: Final = store

    async def find(self, name: str, fresh: bool) -> Namespace | None:
        """Labels and annotations; None where there is no such namespace, or nobody can tell.

        Args: fresh - ask the API server, also where it has told us before.
        """
        known = None if fresh else self._store().get(NamespaceKind, "", name)
        if known is not None:
            return Namespace(name, known.metadata.labels, known.metadata.annotations)
        try:
            found = await self._objects.get("v1", NamespaceKind.KIND, "", name)
        except ApiError as error:
            LOG.warning("the namespace %s cannot be looked up: %s", name, error)
            return None
        if found is None:
            return None
        metadata = found.get("metadata", {})
        return Namespace(name, metadata.get("labels") or {}, metadata.get("annotations") or {})


class _Configuration(NamedTuple):
    name: str
    whole: JsonObject


class CaBundles:
    """Keeps the API server's trust in the webhook: the roots in every webhook configuration of our revision."""

    def __init__(
        self, revision: str, client: Streams, objects: Objects, trust: Callable[[], bytes], random: Callable[[], float]
    ) -> None:
        """Args: trust - the roots to trust at the moment, PEM; random - uniform in [0, 1)."""
        self._ours: Final = f"{'='.join(WEBHOOK_LABEL)},{REVISION_LABEL}={revision}"
        self._client: Final = client
        self._objects: Final = objects
        self._trust: Final = trust
        self._random: Final = random
        self._configurations: Final[dict[str, JsonObject]] = {}
        self._changed = trio.Event()

    async def introduce(self) -> None:
        """Once, patch what believes no root at all. Every replica may, since all write the same; what fails is left to `run`.

        A replica that is ready has done this, so that pods can be made as soon as an installation is complete: a leader may be
        waiting for the lease of one that is no more.
        """
        try:
            for configuration in await self._objects.list(_API_VERSION, _KIND, self._ours):
                metadata: dict[str, str] = configuration["metadata"]
                await self._mend(metadata["name"], configuration, only_empty=True)
        except (ApiError, msgspec.ValidationError) as error:
            LOG.warning("%s: %s", _UNTOLD, error)

    async def run(self) -> None:
        """Patch what believes another root, until cancelled. Only one replica of control should."""
        ours = Collection(_PATH, (("labelSelector", self._ours),))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Follower(self._client, ours, self, self._random).run)
            await self._keep()

    async def _keep(self) -> None:
        backoff = Backoff(self._random)
        while True:
            changed = self._changed
            try:
                for name, configuration in list(self._configurations.items()):
                    await self._mend(name, configuration)
                backoff.reset()
            except (ApiError, msgspec.ValidationError) as error:
                LOG.warning("%s: %s", _UNTOLD, error)
                await trio.sleep(backoff.next_pause())
                continue
            with trio.move_on_after(_LOOK_SECONDS):
                await changed.wait()

    async def _mend(self, name: str, configuration: JsonObject, *, only_empty: bool = False) -> None:
        patch = ca_bundle_patch(configuration, self._trust(), only_empty=only_empty)
        if not patch:
            return
        try:
            # What became of it comes as an event, in its order among the others.
            await self._objects.json_patch(_API_VERSION, _KIND, "", name, patch)
        except ApiError as error:
            # It has just been deleted: that comes as an event as well.
            if error.status != NOT_FOUND:
                raise
        else:
            LOG.info("%s knows the mesh's roots", name)

    # Sink.

    def decode(self, data: bytes) -> _Configuration:
        whole = msgspec.json.decode(data, type=dict[str, object])
        metadata = whole.get("metadata")
        return _Configuration(str(metadata.get("name") if isinstance(metadata, dict) else ""), whole)

    def replace(self, items: Sequence[_Configuration]) -> None:
        self._configurations.clear()
        self._configurations.update(items)
        self._wake()

    def apply(self, events: Sequence[Event[_Configuration]]) -> None:
        for deleted, configuration in events:
            if deleted:
                self._configurations.pop(configuration.name, None)
            else:
                self._configurations[configuration.name] = configuration.whole
        self._wake()

    def trouble(self, error: ApiError | None) -> None:
        """Whatever happens meanwhile is told later."""

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
