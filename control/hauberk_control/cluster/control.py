"""Control on a cluster: from the API server's objects to what every proxy serves, and the authority that says who each one is."""

import contextlib
import datetime as dt
import os
import random
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import trio
from cryptography import x509

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import LONGEST_VALIDITY, Authority
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.in_secret import AuthoritySecret
from hauberk_control.ca.own_certificate import OwnCertificate
from hauberk_control.ca.reviewed_tokens import ReviewedTokens
from hauberk_control.ca.server_tls import server_credentials
from hauberk_control.ca.service import CertificateService
from hauberk_control.ca.tokens import TokensUnavailable
from hauberk_control.cluster.directory import ClusterDirectory
from hauberk_control.cluster.injection import CaBundles, Namespaces, make_webhook, read_cluster
from hauberk_control.cluster.local_service import ClusterService, Seen
from hauberk_control.cluster.pages import State, make_pages
from hauberk_control.cluster.replicas import Replicas
from hauberk_control.cluster.trust_bundles import TrustBundles
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.gateways.reconciler import GatewayReconciler
from hauberk_control.gateways.refusals import Refusal
from hauberk_control.gateways.wanted import WantedGateways, wanted_gateways
from hauberk_control.kubernetes.client import Client, open_client
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.follow import Collection, Follower
from hauberk_control.kubernetes.lease import Lease
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.local.messages import FOLDER_NAME, SOCKET_NAME, Rotated
from hauberk_control.local.rows import rotated
from hauberk_control.local.server import open_local_socket
from hauberk_control.pipeline import Pipeline
from hauberk_control.proxy_settings import CertificateAuthority, ProxySettings
from hauberk_control.secret import keep_secret
from hauberk_control.sources.cluster import KUBERNETES_GROUPS, ClusterSource
from hauberk_control.sources.known import Known
from hauberk_control.sources.source import Loaded
from hauberk_control.status.cluster import cluster_facts
from hauberk_control.status.conditions import Status
from hauberk_control.status.refused import refused_status
from hauberk_control.status.revisions import Revisions
from hauberk_control.status.statuses import view_statuses
from hauberk_control.status.writer import StatusWriter
from hauberk_control.store import ObjectKey, Store
from hauberk_core.agent.admin import AdminServer
from hauberk_core.agent.backoff import Backoff
from hauberk_core.agent.grpc_bridge import AsyncioThread, BridgeClosed, open_asyncio_thread
from hauberk_core.agent.identity.svid import CLOCK_LEEWAY, SvidError, read_pem
from hauberk_core.agent.logs import LOG
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN
from hauberk_core.model.errors import ConfigError
from hauberk_core.pod import (
    CERTIFICATE_PORT,
    CONTROL_METRICS_PORT,
    CONTROL_NAMESPACE,
    DEFAULT_REVISION,
    DISCOVERY_PORT,
    TOKEN_AUDIENCE,
    WEBHOOK_PORT,
    control_name,
)
from hauberk_core.resources import Gateway, Pod
from hauberk_core.resources.gateway_api.references import ParentReference

Answer = TypeVar("Answer")


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one replica of control, fixed for its life."""

    kubeconfig: str = ""
    """Empty: $KUBECONFIG, else the pod's service account."""
    namespace: str = CONTROL_NAMESPACE
    """Where control's own Secrets and Leases are."""
    replica: str = ""
    """The pod's name; no other replica has the same."""
    mesh: Path | None = None
    """The folder whose local socket is served, for commands in control's pod; None: none is."""
    revision: str = DEFAULT_REVISION
    host: str = ""
    """Where it listens; empty: every address, IPv4 and IPv6, because proxies come from everywhere in the cluster."""
    certificate_port: int = CERTIFICATE_PORT
    discovery_port: int = DISCOVERY_PORT
    metrics_port: int = CONTROL_METRICS_PORT
    webhook_port: int = WEBHOOK_PORT
    trust_domain: str = DEFAULT_TRUST_DOMAIN
    validity_seconds: float = LONGEST_VALIDITY.total_seconds()
    clock_leeway_seconds: float = CLOCK_LEEWAY.total_seconds()
    proxies: ProxySettings = ProxySettings()
    """How proxies in this cluster are run."""

    @property
    def service(self) -> str:
        """The name of the Service that leads here."""
        return control_name(self.revision)

    @property
    def names(self) -> list[str]:
        """By which proxies, and the API server, call control."""
        hosts = [self.service, f"{self.service}.{self.namespace}", f"{self.service}.{self.namespace}.svc"]
        return [*hosts, f"{hosts[-1]}.cluster.local"]


class ClusterControl:
    """Everything one replica does, behind one `run`."""

    def __init__(self, options: ClusterOptions, client: Client) -> None:
        self._options: Final = options
        self._client: Final = client
        self._objects: Final = Objects(client)
        self._store = Store()
        self._problems: tuple[ConfigError, ...] = ()
        self._pipeline: Final = Pipeline(ClusterDirectory(lambda: self._store), options.trust_domain, on_cluster=True)
        self._source: Final = ClusterSource(client, self._pipeline.kinds, random.random)
        self._state: Final = State(self._pipeline.discovery.proxies)
        replica = options.replica or f"{os.uname().nodename}-{os.getpid()}"
        self._observing: Final = trio.Lock()
        self._statuses: Final = StatusWriter(
            self._source, self._objects, self._wanted_statuses, random.random, is_theirs=self._is_anothers
        )
        wake = self._statuses.wake
        self._gateways: Final = GatewayReconciler(client, self._objects, options.revision, random.random, wake)
        self._lease: Final = Lease(self._objects, options.namespace, options.service, replica, random.random)
        place = (options.namespace, options.revision, replica)
        own = self._pipeline.discovery.proxies
        self._replicas: Final = Replicas(client, self._objects, place, own, lambda: self._lease.leading, wake, random.random)

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Started once proxies are served. An API server that is away is waited for.

        Raises: BindFailed, BindError, AuthorityError, PrivateFileError, OSError: it cannot start.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="hauberk-ca-") as folder:
                await self._serve(Path(folder), task_status)
        finally:
            self._pipeline.discovery.close()

    async def _serve(self, folder: Path, task_status: "trio.TaskStatus[None]") -> None:
        options = self._options
        for failure in self._pipeline.failures:
            LOG.error("%s", failure)
        metrics = AdminServer(f"{options.host}:{options.metrics_port}", make_pages(self._state))
        async with open_asyncio_thread() as thread, trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            self._source.watch_seen(self._seen)
            self._pipeline.discovery.watch(lambda: token.run_sync_soon(self._proxies_changed, idempotent=True))
            nursery.start_soon(metrics.serve)
            nursery.start_soon(self._source.run)
            secret = AuthoritySecret(self._client, options.namespace, options.trust_domain, folder)
            authority = await self._open_authority(secret, folder)
            self._pipeline.secret = await trio.to_thread.run_sync(keep_secret, folder)
            self._state.missing = "not everything is known yet that the API server has"
            self._take(await self._source.next())
            await self._serve_webhook(authority, nursery)
            await self._ca_bundles(authority).introduce()
            async with self._listening(thread, authority):
                nursery.start_soon(secret.follow, authority)
                nursery.start_soon(Follower(self._client, Collection(secret.secrets), secret, random.random).run)
                nursery.start_soon(self._lease.run, self._lead(authority))
                nursery.start_soon(self._replicas.run)
                nursery.start_soon(self._serve_commands, secret, authority)
                self._state.missing = ""
                task_status.started()
                while True:
                    self._take(await self._source.next())

    @contextlib.asynccontextmanager
    async def _listening(self, thread: AsyncioThread, authority: Authority) -> AsyncGenerator[None, None]:
        """Serve proxies: those that have a certificate, and those that come for one, unless somebody else signs."""
        options = self._options
        of_mesh = server_credentials(authority, options.names, require_certificate=True)
        handlers = [self._pipeline.discovery.handler()]
        external = options.proxies.certificate_authority.address
        if external:
            async with open_grpc_server(thread, handlers, (options.host, options.discovery_port), of_mesh) as mesh:
                LOG.info("control serves proxies on %s; their certificates come from %s", mesh.address, external)
                yield
            return
        tokens = ReviewedTokens(_Review(thread, self._client).post, TOKEN_AUDIENCE, options.trust_domain)
        certificates = CertificateService(authority, tokens)
        self._state.certificates = certificates
        of_joiners = server_credentials(authority, options.names, require_certificate=False)
        handlers.append(certificates.handler())
        async with (
            open_grpc_server(thread, handlers, (options.host, options.discovery_port), of_mesh) as mesh,
            open_grpc_server(thread, handlers[1:], (options.host, options.certificate_port), of_joiners) as joining,
        ):
            LOG.info("control serves proxies on %s and takes those that join on %s", mesh.address, joining.address)
            yield

    async def _serve_webhook(self, authority: Authority, nursery: trio.Nursery) -> None:
        """Answer the API server's questions about pods, as part of `nursery`."""
        options = self._options
        cluster = await self._persist(lambda: read_cluster(self._client), "the cluster's version cannot be read")
        own = OwnCertificate(authority, options.names)
        namespaces = Namespaces(self._objects, lambda: self._store)
        webhook = make_webhook(own, options.proxies, cluster, namespaces, self._state.registry)
        nursery.start_soon(webhook.serve, await trio.open_tcp_listeners(options.webhook_port, host=options.host or None))

    async def _serve_commands(self, secret: AuthoritySecret, authority: Authority) -> None:
        """Answer whoever may run commands where we run."""
        if self._options.mesh is None:
            return

        async def rotate() -> Rotated:
            root = await trio.to_thread.run_sync(secret.announce, authority)
            return rotated(root, authority.overlap)

        service = ClusterService(self._look, rotate, lambda: self._state.missing, time.time)
        async with open_local_socket(self._options.mesh / FOLDER_NAME / SOCKET_NAME, service):
            await trio.sleep_forever()

    async def _open_authority(self, secret: AuthoritySecret, folder: Path) -> Authority:
        options = self._options
        await self._persist(lambda: trio.to_thread.run_sync(secret.open), "the authority's Secret cannot be read")
        validity, leeway = (dt.timedelta(seconds=given) for given in (options.validity_seconds, options.clock_leeway_seconds))
        others = _roots_of(options.proxies.certificate_authority)
        return await trio.to_thread.run_sync(
            lambda: Authority(folder, options.trust_domain, validity, leeway=leeway, others=others),
        )

    async def _persist(self, ask: Callable[[], Awaitable[Answer]], trouble: str) -> Answer:
        """Ask the API server until it answers. Args: trouble - what control waits for meanwhile."""
        backoff = Backoff(random.random)
        while True:
            try:
                return await ask()
            except ApiError as error:
                self._state.missing = f"{trouble}: {error}"
                LOG.warning("%s", self._state.missing)
                await trio.sleep(backoff.next_pause())

    def _lead(self, authority: Authority) -> Callable[[], Awaitable[None]]:
        async def lead() -> None:
            self._state.leading = True
            try:
                async with trio.open_nursery() as nursery:
                    bundles = TrustBundles(self._client, self._objects, authority.trust_pem, random.random)
                    nursery.start_soon(bundles.run)
                    nursery.start_soon(self._ca_bundles(authority).run)
                    nursery.start_soon(self._gateways.run)
                    nursery.start_soon(self._statuses.run)
            finally:
                self._state.leading = False
                self._replicas.wake()

        return lead

    def _ca_bundles(self, authority: Authority) -> CaBundles:
        return CaBundles(self._options.revision, self._client, self._objects, authority.trust_pem, random.random)

    def _take(self, loaded: Loaded) -> None:
        """Work from what the API server has now."""
        for error in loaded.errors:
            if error not in self._problems:
                LOG.warning("%s", error)
        self._problems = loaded.errors
        self._state.problems = len(loaded.errors)
        self._store = self._state.store = loaded.store
        self._pipeline.publish(loaded.store)
        self._statuses.wake()

    def _proxies_changed(self) -> None:
        self._statuses.wake()
        self._replicas.wake()

    def _seen(self, keys: frozenset[ObjectKey]) -> None:
        if any(key.group not in KUBERNETES_GROUPS for key in keys):
            self._statuses.wake()

    async def _wanted_statuses(self) -> dict[ObjectKey, Status]:
        """What the leader makes of the store: also which gateways there are to be, since both ask the same view of it."""
        store = self._store
        statuses, gateways = await self._observe(store)
        self._gateways.update(gateways)
        return self._revisions(store).written(statuses)

    def _is_anothers(self, key: ObjectKey, parent: ParentReference) -> bool:
        return self._revisions(self._store).is_theirs(key, parent)

    def _revisions(self, store: Store) -> Revisions:
        return Revisions(store, self._options.revision, self._options.proxies.inject.tags)

    async def _look(self) -> Seen:
        """What there is to tell of the moment."""
        store = self._store
        statuses, wanted = await self._observe(store)
        gateways = [gateway for key in wanted.plans if (gateway := store.get(Gateway, *key)) is not None]
        problems = (*self._problems, *self._pipeline.failures)
        return Seen(store, statuses, gateways, problems, self._pipeline.discovery.proxies(), self._elsewhere(store))

    def _elsewhere(self, store: Store) -> list[ProxyStatus]:
        return self._replicas.elsewhere(lambda name: store.get(Pod, self._options.namespace, name) is not None)

    async def _observe(self, store: Store) -> tuple[dict[ObjectKey, Status], WantedGateways]:
        source = self._source
        facts = (source.refused(), source.api_versions, self._gateways.refusals)
        async with self._observing:
            return await trio.to_thread.run_sync(self._work_out, store, *facts)

    def _work_out(
        self, store: Store, refused: Sequence[Known], api_versions: frozenset[str], refusals: tuple[Refusal, ...]
    ) -> tuple[dict[ObjectKey, Status], WantedGateways]:
        view = self._pipeline.observed(store)
        gateways = wanted_gateways(view, self._options.proxies)
        proxies = [*self._pipeline.discovery.proxies(), *self._elsewhere(store)]
        found = view_statuses(view, proxies, cluster_facts(store, gateways, api_versions, refusals))
        for known in refused:
            status = refused_status(known, view, found.get(known.key))
            if status is not None:
                found[known.key] = status
        statuses = {key: status for key, status in found.items() if key.group not in KUBERNETES_GROUPS}
        return statuses, gateways


def _roots_of(external: CertificateAuthority) -> tuple[x509.Certificate, ...]:
    """Whom to trust of somebody who signs in our place. Raises: AuthorityError."""
    if not external.address:
        return ()
    try:
        roots = read_pem(external.roots.encode()).certificates
    except SvidError as error:
        raise AuthorityError(f"the setting certificateAuthority.roots: {error}; write the roots of {external.address}") from error
    if not roots:
        raise AuthorityError(f"the setting certificateAuthority.roots is empty; write the roots of {external.address}, as PEM")
    return roots


class _Review:
    """Carries reviews of tokens from the asyncio thread to the API server."""

    def __init__(self, thread: AsyncioThread, client: Client) -> None:
        self._thread: Final = thread
        self._client: Final = client

    async def post(self, path: str, body: bytes) -> bytes:
        try:
            return await self._thread.call_trio(self._ask, path, body)
        except (ApiError, BridgeClosed) as error:
            raise TokensUnavailable(f"the API server cannot review a token now: {error}; come again") from error

    async def _ask(self, path: str, body: bytes) -> bytes:
        return await self._client.request("POST", path, None, body)


async def open_cluster(options: ClusterOptions) -> ClusterControl:
    """Prepare one replica. Raises: NoCluster."""
    return ClusterControl(options, await trio.to_thread.run_sync(open_client, options.kubeconfig))
