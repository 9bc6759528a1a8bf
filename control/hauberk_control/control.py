"""Control at work: from a folder of resources to what every proxy serves, and the authority that says who each one is."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import trio

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import LONGEST_VALIDITY, Authority
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.follow import follow_authority
from hauberk_control.ca.server_tls import server_credentials
from hauberk_control.ca.service import CertificateService
from hauberk_control.ca.tokens import Grant, JoinTokens, TooManyTokens
from hauberk_control.gateways.names import deployed_name
from hauberk_control.local.kept_workloads import load_workloads, save_workloads
from hauberk_control.local.messages import (
    FOLDER_NAME,
    SOCKET_NAME,
    Answer,
    AskGateways,
    AskObjects,
    AskProgress,
    AskProxies,
    AskServices,
    AskStatus,
    Gateways,
    Joined,
    JoinGateway,
    JoinWorkload,
    Noted,
    Objects,
    Ports,
    Progress,
    Proxies,
    Refused,
    RegisterWorkload,
    Request,
    RotateRoot,
    Services,
    Status,
    WorkloadReady,
)
from hauberk_control.local.rows import absent_proxies, condition_rows, file_problems, object_rows, proxy_rows, rotated, shown_file
from hauberk_control.local.server import open_local_socket
from hauberk_control.local.workloads import Workloads, WorkloadTaken, account_of
from hauberk_control.pipeline import Pipeline
from hauberk_control.ports import keep_ports
from hauberk_control.secret import keep_secret
from hauberk_control.sources.folder import FolderSource
from hauberk_control.sources.kept_files import KeptFiles
from hauberk_control.sources.source import Loaded
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_core.agent.grpc_bridge import open_asyncio_thread
from hauberk_core.agent.identity.svid import CLOCK_LEEWAY
from hauberk_core.agent.logs import LOG
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN, SpiffeError, SpiffeId
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway, Service

COME_BACK_SECONDS: Final = 30.0
"""So long after its start control counts on workloads that ran before. They ask twice a second; a machine may be busy, and one
that is gone costs its callers no more meanwhile than an endpoint that does not answer."""


class ControlOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one control, fixed for its life."""

    host: str = "127.0.0.1"
    """Where its two gRPC servers listen."""
    trust_domain: str = DEFAULT_TRUST_DOMAIN
    validity_seconds: float = LONGEST_VALIDITY.total_seconds()
    """What certificates of workloads get at most."""
    clock_leeway_seconds: float = CLOCK_LEEWAY.total_seconds()
    """How far apart the clocks of the mesh's machines may be: so much longer roots overlap when they rotate."""


class Control:
    """Everything control does, behind one `run`. Also what is behind the local socket, and the directory of claims."""

    def __init__(self, mesh: Path, options: ControlOptions, clock: Callable[[], float] = time.time) -> None:
        """Prepare. Args: mesh - the folder of resources; clock - seconds since the epoch."""
        self._mesh: Final = mesh
        self._folder: Final = mesh / FOLDER_NAME
        self._options: Final = options
        self._clock: Final = clock
        self._pipeline: Final = Pipeline(self, options.trust_domain)
        kept = KeptFiles(self._folder, mesh, self._pipeline.kinds)
        self._source: Final = FolderSource(mesh, self._pipeline.kinds, kept)
        self._files = Store()
        """What the folder holds."""
        self._store = Store()
        """The same with the workloads that are registered."""
        self._problems: tuple[ConfigError, ...] = ()
        self._workloads = Workloads()
        self._workloads_changed = trio.Event()
        self._tokens: Final = JoinTokens()
        self._discovery: Final = self._pipeline.discovery
        self._authority: Authority
        self._mesh_address = ""
        self._join_address = ""

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Started once proxies and the local socket are served.

        Raises: LocalSocketError, BindFailed, AuthorityError, PrivateFileError, OSError: it cannot start.
        """
        try:
            await self._serve(self._options, task_status)
        finally:
            self._discovery.close()

    async def _serve(self, options: ControlOptions, task_status: "trio.TaskStatus[None]") -> None:
        for failure in self._pipeline.failures:
            LOG.error("%s", failure)
        async with open_local_socket(self._folder / SOCKET_NAME, self), open_asyncio_thread() as thread:
            ports = keep_ports(self._folder, options.host)
            self._authority = await trio.to_thread.run_sync(self._open_authority)
            self._pipeline.secret = await trio.to_thread.run_sync(keep_secret, self._folder)
            self._workloads = Workloads(await trio.to_thread.run_sync(load_workloads, self._folder))
            self._take(await self._source.next())
            certificates = CertificateService(self._authority, self._tokens)
            of_mesh = server_credentials(self._authority, [options.host], require_certificate=True)
            of_joiners = server_credentials(self._authority, [options.host], require_certificate=False)
            handlers = [self._discovery.handler(), certificates.handler()]
            async with (
                open_grpc_server(thread, handlers, (options.host, ports.mesh), of_mesh) as mesh_server,
                open_grpc_server(thread, [certificates.handler()], (options.host, ports.join), of_joiners) as join_server,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(follow_authority, self._authority)
                nursery.start_soon(self._keep_workloads)
                nursery.start_soon(self._source.keep)
                nursery.start_soon(self._expect_workloads)
                self._mesh_address = mesh_server.address
                self._join_address = join_server.address
                LOG.info("control serves proxies on %s and takes those that join on %s", mesh_server.address, join_server.address)
                task_status.started()
                while True:
                    self._take(await self._source.next())

    # LocalService.

    async def answer(self, request: Request) -> Answer:
        if not self._join_address:
            return Refused(message="control is just starting; try again", starting=True)
        try:
            return self._fulfil(request)
        except (WorkloadTaken, TooManyTokens, SpiffeError, AuthorityError) as error:
            return Refused(message=str(error))

    def unregister(self, request: RegisterWorkload) -> None:
        self._workloads.remove(request)
        LOG.info("workload %s/%s has left", request.namespace, request.name)
        self._publish_workloads()

    # Directory.

    def gateway_accounts(self, namespace: str, name: str) -> frozenset[str]:
        gateway = self._store.get(Gateway, namespace, name)
        return frozenset(()) if gateway is None else frozenset((deployed_name(name, gateway.spec.gateway_class_name),))

    def workload_account(self, node: Node) -> str | None:
        return self._workloads.account(node.namespace, node.name)

    def completed(self, node: Node) -> Node:
        return node

    # Inside.

    def _open_authority(self) -> Authority:
        folder = self._folder / "ca"
        folder.mkdir(mode=0o700, exist_ok=True)
        options = self._options
        validity, leeway = (dt.timedelta(seconds=given) for given in (options.validity_seconds, options.clock_leeway_seconds))
        return Authority(folder, options.trust_domain, validity, leeway=leeway)

    def _take(self, loaded: Loaded) -> None:
        """Work from what the folder holds now."""
        for error in loaded.errors:
            if error not in self._problems:
                LOG.warning("%s", error)
        self._problems = loaded.errors
        self._files = loaded.store
        self._publish()

    async def _keep_workloads(self) -> None:
        while True:
            await self._workloads_changed.wait()
            self._workloads_changed = trio.Event()
            await trio.to_thread.run_sync(save_workloads, self._folder, self._workloads.serving())

    async def _expect_workloads(self) -> None:
        await trio.sleep(COME_BACK_SECONDS)
        gone = self._workloads.give_up_expected()
        for request in gone:
            LOG.info("workload %s/%s has not come back", request.namespace, request.name)
        if gone:
            self._publish_workloads()

    def _publish_workloads(self) -> None:
        self._workloads_changed.set()
        self._publish()

    def _publish(self) -> None:
        self._store = self._workloads.added_to(self._files)
        self._pipeline.publish(self._store)

    def _fulfil(self, request: Request) -> Answer:
        match request:
            case RegisterWorkload():
                return self._register(request)
            case WorkloadReady():
                return self._note_ready(request)
            case JoinWorkload():
                return self._join_workload(request)
            case JoinGateway():
                return self._join_gateway(request)
            case RotateRoot():
                return self._rotate_root()
            case AskServices():
                return Services(services=[_service_ports(service) for service in self._store.of(Service)])
            case AskGateways():
                return Gateways(gateways=[_gateway_ports(gateway) for gateway in self._our_gateways()])
            case AskStatus():
                return self._status()
            case AskObjects():
                return Objects(objects=object_rows(self._store, self._mesh))
            case AskProgress():
                return self._progress()
            case AskProxies():
                return Proxies(proxies=proxy_rows(self._discovery.proxies(), self._clock()))

    def _register(self, request: RegisterWorkload) -> Answer:
        joined = self._joined(request.namespace, account_of(request), "sidecar", request.name)
        self._workloads.add(request)
        LOG.info("workload %s/%s has joined service %s", request.namespace, request.name, request.service)
        return joined

    def _note_ready(self, request: WorkloadReady) -> Answer:
        if not self._workloads.note_ready(request.namespace, request.name):
            return Refused(message=f"no workload {request.namespace}/{request.name} is registered; register it first")
        self._publish_workloads()
        return Noted()

    def _join_workload(self, request: JoinWorkload) -> Answer:
        account = self._workloads.account(request.namespace, request.name)
        if account is None:
            return Refused(message=f"no workload {request.namespace}/{request.name} is registered; register it first")
        return self._joined(request.namespace, account, "sidecar", request.name)

    def _rotate_root(self) -> Answer:
        return rotated(self._authority.rotate(), self._authority.overlap)

    def _join_gateway(self, request: JoinGateway) -> Answer:
        for gateway in self._our_gateways():
            if (gateway.metadata.namespace, gateway.metadata.name) == (request.namespace, request.name):
                account = deployed_name(request.name, gateway.spec.gateway_class_name)
                return self._joined(request.namespace, account, "gateway", f"{request.namespace}/{request.name}")
        return Refused(message=f"there is no Gateway {request.namespace}/{request.name} of ours; hauberk status lists them")

    def _joined(self, namespace: str, account: str, role: str, name: str) -> Joined:
        identity = SpiffeId(self._options.trust_domain, namespace, account)
        return Joined(
            control=self._mesh_address,
            join=self._join_address,
            root=self._authority.trust_pem().decode(),
            identity=str(identity),
            token=self._tokens.make(Grant(identity, role, name)),
        )

    def _our_gateways(self) -> list[Gateway]:
        view = self._pipeline.view(self._store)
        return [gateway for gateway in self._store.of(Gateway) if view.class_is_ours(gateway.spec.gateway_class_name)]

    def _status(self) -> Status:
        proxies = self._discovery.proxies()
        problems = [*self._problems, *self._pipeline.failures]
        problems += [problem for proxy in proxies for problem in proxy.notes.problems]
        return Status(
            conditions=condition_rows(self._store, view_statuses(self._pipeline.view(self._store), proxies), self._mesh),
            problems=[
                str(msgspec.structs.replace(problem, origin=shown_file(problem.origin, self._mesh)))
                for problem in dict.fromkeys(problems)
            ],
        )

    def _progress(self) -> Progress:
        proxies = self._discovery.proxies()
        return Progress(
            unread=[shown_file(file, self._mesh) for file in self._source.unread()],
            problems=file_problems(self._problems, self._mesh),
            absent=absent_proxies(self._our_gateways(), self._workloads.serving(), proxies),
            proxies=proxy_rows(proxies, self._clock()),
        )


def _service_ports(service: Service) -> Ports:
    ports = [port.port for port in service.spec.ports if port.protocol == "TCP"]
    return Ports(name=service.metadata.name, namespace=service.metadata.namespace, ports=ports)


def _gateway_ports(gateway: Gateway) -> Ports:
    ports = sorted({listener.port for listener in gateway.spec.listeners})
    return Ports(name=gateway.metadata.name, namespace=gateway.metadata.namespace, ports=ports)
