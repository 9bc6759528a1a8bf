"""Discovery over `grpc.aio`: admits proxies by their certificates, and runs a `Session` for each stream.

A stream never waits for another one: each has its own two tasks, reads no faster than it is answered, and holds one response at
most. Translation happens on a thread of its own, one proxy after the other, so that requests and acknowledgements are taken in
meanwhile.
"""

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn, TypeVar

import grpc
import grpc.aio
import msgspec

from hauberk_control.ca.caller import Refused, peer_identity
from hauberk_control.ca.rates import Rate
from hauberk_control.discovery.claims import (
    ClaimRefused,
    Directory,
    UnknownProxy,
    WrongNode,
    check_claims,
    read_in_force_since,
    read_node,
    read_program,
)
from hauberk_control.discovery.session import Configuration, ProtocolViolation, Session
from hauberk_control.discovery.snapshots import Configurations
from hauberk_control.discovery.status import LastRefusal, ProxyStatus
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import Notes
from hauberk_core.agent.logs import LOG
from hauberk_core.identity import SpiffeId
from hauberk_core.net.x509 import read_certificate
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from hauberk_core.wire_proto.discovery_pb2 import Node as NodeMessage
from hauberk_core.wire_proto.service import LARGEST_RESPONSE, METHOD, SERVICE

# A proxy says who it is as soon as its stream stands; who does not is no proxy.
FIRST_REQUEST_SECONDS: Final = 10.0
# Streams of one identity. Replicas share a service account, and a proxy that reconnects may have two for a moment.
MOST_STREAMS_AN_IDENTITY: Final = 256
# Streams of one pod, whose proxy has one: each describes a proxy of its own that is translated for at every change, so that one
# workload could keep control from all others. Those that the network has forgotten stand for a minute at most.
MOST_STREAMS_A_POD: Final = 16
# Over all: several times what one control is meant to serve.
MOST_STREAMS: Final = 10_000
# Lines about those who are refused: enough to see what goes on, too few to fill a disk.
_LINES_PER_SECOND: Final = 10.0
_LINES_AT_ONCE: Final = 100.0
# What a proxy says lands in the log shortened.
_LONGEST_LOGGED: Final = 500

_StoreT = TypeVar("_StoreT")


class _Refused(Exception):
    """The stream ends here: with this gRPC status, and this message for the person who looks after the proxy."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message


class DiscoveryService:
    """The discovery service of one control.

    Made anywhere; its handler belongs to one asyncio loop. `proxies` may be called from any thread.
    """

    def __init__(
        self,
        configurations: Configurations[Any],
        directory: Directory,
        trust_domain: str,
        identifier: str = "hauberk-control",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args: identifier - tells proxies' logs which control answered; clock - seconds since the epoch.
        """
        self._configurations: Final = configurations
        self._directory: Final = directory
        self._trust_domain: Final = trust_domain
        self._identifier: Final = identifier
        self._clock: Final = clock
        self._lines: Final = Rate(_LINES_PER_SECOND, _LINES_AT_ONCE, time.monotonic)
        # One thread: translation is Python, and more would only take turns.
        self._translator: Final = ThreadPoolExecutor(1, thread_name_prefix="translate")
        self._lock: Final = threading.Lock()
        self._streams: Final[set[_Stream]] = set()
        self._watchers: Final[list[Callable[[], None]]] = []

    def handler(self) -> Any:
        """What a gRPC server is given: the service's one method, under Envoy's name for it."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                METHOD: grpc.stream_stream_rpc_method_handler(
                    self._serve,
                    request_deserializer=DeltaDiscoveryRequest.FromString,
                    response_serializer=DeltaDiscoveryResponse.SerializeToString,
                )
            },
        )

    def proxies(self) -> list[ProxyStatus]:
        """Every proxy that has a stream, by role and name."""
        with self._lock:
            streams = list(self._streams)
        return sorted([stream.status() for stream in streams], key=lambda status: (status.role, status.namespace, status.name))

    def watch(self, notify: Callable[[], None]) -> None:
        """From now on `notify` is called when a proxy comes, leaves, answers, or turns out to have the latest configuration.

        It is called in the loop's thread, and must be quick.
        """
        self._watchers.append(notify)

    def notify(self) -> None:
        """What `proxies` returns has changed."""
        for notify in self._watchers:
            notify()

    def close(self) -> None:
        """Translate no more. To be called once the server has stopped."""
        self._translator.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, _: object, context: Any) -> None:
        caller = "somebody without a certificate"
        try:
            identity, lifetime = self._identify(context)
            caller = str(identity)
            async with asyncio.timeout(FIRST_REQUEST_SECONDS):
                request = await context.read()
            if not isinstance(request, DeltaDiscoveryRequest):  # it left already
                return
            node = self._admit(identity, request)
            stream = _Stream(self, context, node, request.node)
            self._enter(stream)
            try:
                # Tells the proxy that it was admitted, even if there is nothing to send.
                await context.send_initial_metadata(())
                await self._run(stream, request, lifetime)
            finally:
                with self._lock:
                    self._streams.discard(stream)
                self.notify()
        except TimeoutError:
            refused = _Refused(grpc.StatusCode.DEADLINE_EXCEEDED, f"no request within {FIRST_REQUEST_SECONDS:.0f} s")
            await self._refuse(context, caller, refused)
        except _Refused as refused:
            await self._refuse(context, caller, refused)

    async def _refuse(self, context: Any, caller: str, refused: _Refused) -> NoReturn:
        if self.may_log():
            LOG.warning("discovery: %s from %s is refused: %s", caller, context.peer(), refused.message)
        await context.abort(refused.code, refused.message)
        raise AssertionError("abort raises")

    def _identify(self, context: Any) -> tuple[SpiffeId, float]:
        """Who calls, and for how many more seconds the certificate says so. Raises: _Refused."""
        facts = context.auth_context()
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        try:
            identity = peer_identity(facts, self._trust_domain, now)
        except Refused as error:
            raise _Refused(error.code, str(error)) from error
        if identity is None:
            raise _Refused(grpc.StatusCode.UNAUTHENTICATED, "no client certificate; get one from the authority first")
        end = read_certificate(b"".join(facts["x509_pem_cert"])).not_after
        return identity, max(0.0, (end - now).total_seconds())

    def _admit(self, identity: SpiffeId, request: DeltaDiscoveryRequest) -> Node:
        """The node that this stream is for. Raises: _Refused."""
        try:
            node = read_node(request.node)
            check_claims(identity, node, self._directory)
        except WrongNode as error:
            raise _Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        except ClaimRefused as error:
            raise _Refused(grpc.StatusCode.PERMISSION_DENIED, f"{identity} may not have this configuration: {error}") from error
        except UnknownProxy as error:
            raise _Refused(grpc.StatusCode.NOT_FOUND, str(error)) from error
        return msgspec.structs.replace(self._directory.completed(node), identity=str(identity))

    def _enter(self, stream: "_Stream") -> None:
        own = (stream.node.namespace, stream.node.pod)
        with self._lock:
            if own[1] and sum((other.node.namespace, other.node.pod) == own for other in self._streams) >= MOST_STREAMS_A_POD:
                message = f"{MOST_STREAMS_A_POD} streams of this pod are open; no more are served"
                raise _Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
            same = sum(other.node.identity == stream.node.identity for other in self._streams)
            if same >= MOST_STREAMS_AN_IDENTITY or len(self._streams) >= MOST_STREAMS:
                message = f"{same} streams of this identity and {len(self._streams)} in all are open; no more are served"
                raise _Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
            self._streams.add(stream)

    async def _run(self, stream: "_Stream", first: DeltaDiscoveryRequest, lifetime: float) -> None:
        """Serve until the proxy leaves or its certificate ends. Raises: _Refused."""
        end_watch = self._configurations.watch(stream.wake_from_anywhere)
        tasks = [asyncio.create_task(stream.read(first)), asyncio.create_task(stream.write())]
        try:
            done, _ = await asyncio.wait(tasks, timeout=lifetime, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end_watch()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not done:
            raise _Refused(grpc.StatusCode.UNAUTHENTICATED, "the client certificate has ended; come back with the next one")
        for task in done:
            task.result()

    def completed(self, node: Node) -> Node:
        """A node with what is known of it here."""
        return self._directory.completed(node)

    async def configuration_for(self, node: Node) -> tuple[int, Configuration | None]:
        """The latest configuration and its generation; None if it cannot be made, which the log then tells."""
        generation = self._configurations.generation
        loop = asyncio.get_running_loop()
        try:
            return generation, await loop.run_in_executor(self._translator, self._configurations.for_node, node)
        except Exception:
            LOG.exception("discovery: no configuration could be made for %s %s", node.role, node.name)
            return generation, None

    @property
    def generation(self) -> int:
        """Of the store that counts now."""
        return self._configurations.generation

    def may_log(self) -> bool:
        """Whether one more line may go into the log for what proxies do."""
        return self._lines.take()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    @property
    def identifier(self) -> str:
        """Which control this is."""
        return self._identifier


class _Stream:
    """One proxy's stream: a session, a task that reads, and a task that writes."""

    def __init__(self, service: DiscoveryService, context: Any, node: Node, message: NodeMessage) -> None:
        self.node: Final = node
        self._service: Final = service
        self._context: Final = context
        self._address: Final[str] = context.peer()
        self._session: Final = Session(service.identifier)
        self._loop: Final = asyncio.get_running_loop()
        self._wake: Final = asyncio.Event()
        self._in_step: Final = threading.Lock()
        """Held while what `status` tells changes, so that nobody is told of half a change, or of one before the log has it."""
        self._generation = 0
        self._connected_since: Final = service.now()
        self._behind_since = self._connected_since
        self._program: Final = read_program(message)
        # Of a proxy that does not say it, so much is known at least.
        self._in_force_since = read_in_force_since(message, self._connected_since) or self._connected_since
        self._last_refusal: LastRefusal | None = None
        self._notes = Notes()

    def wake_from_anywhere(self) -> None:
        """There may be something to send. From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            return  # the loop has ended, and with it the stream

    async def read(self, request: DeltaDiscoveryRequest) -> None:
        """Take in the first request and all that follow, until the proxy sends no more. Raises: _Refused."""
        while request is not grpc.aio.EOF:
            self._take(request)
            self._wake.set()
            self._service.notify()
            request = await self._context.read()
            if request is not grpc.aio.EOF and request.HasField("node"):
                self._check_same_node(request)

    async def write(self) -> None:
        """Send steps as they are due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            fresh: tuple[int, Configuration | None] | None = None
            if self._generation != self._service.generation:
                # A store that is published meanwhile wakes us once more.
                fresh = await self._service.configuration_for(self.node)
            response = self._next_response(fresh)
            self._log_strange_names()
            if response is None:
                self._service.notify()
                continue
            size = response.ByteSize()
            if size > LARGEST_RESPONSE:
                self._refuse_step(
                    f"the configuration takes {size} octets, more than the {LARGEST_RESPONSE} that a proxy takes at once; "
                    "split it over several gateways"
                )
                continue
            await self._context.write(response)

    def status(self) -> ProxyStatus:
        """What is known now. From any thread."""
        with self._in_step:
            return self._status()

    def _take(self, request: DeltaDiscoveryRequest) -> None:
        """Take in one request. Raises: _Refused."""
        with self._in_step:
            refusal, version = self._session.refusal, self._session.version
            try:
                self._session.receive(request)
            except ProtocolViolation as error:
                raise _Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
            if self._session.refusal is not None and self._session.refusal is not refusal:
                self._note_refusal()
            if self._session.version != version:
                self._in_force_since = self._service.now()

    def _next_response(self, fresh: tuple[int, Configuration | None] | None) -> DeltaDiscoveryResponse | None:
        """What to send now. Args: fresh - a generation with what it means for this proxy, where there is another one."""
        with self._in_step:
            if fresh is not None:
                was_current = self._session.current
                self._generation, configuration = fresh
                if configuration is not None:
                    self._session.offer(configuration)
                    self._notes = configuration.notes
                    if was_current:
                        self._behind_since = self._service.now()
            return self._session.next_response()

    def _refuse_step(self, reason: str) -> None:
        with self._in_step:
            self._session.refuse_step(reason)
            self._note_refusal()

    def _status(self) -> ProxyStatus:
        session, node = self._session, self.node
        refusal = session.refusal
        # A store that was published just now may mean another configuration: until that is known, nobody has it.
        current = session.current and self._generation == self._service.generation
        return ProxyStatus(
            identity=node.identity,
            role=node.role,
            name=node.name,
            namespace=node.namespace,
            address=self._address,
            plugins=dict(node.plugins or {}),
            connected_since=self._connected_since,
            program=self._program,
            version=session.version,
            in_force_since=self._in_force_since if session.version else 0.0,
            current=current,
            behind_seconds=0.0 if session.current else max(0.0, self._service.now() - self._behind_since),
            resources=len(session.held),
            refused_version=refusal.version if refusal is not None else "",
            refused_reason=refusal.reason if refusal is not None else "",
            last_refusal=self._last_refusal,
            notes=self._notes,
        )

    def _note_refusal(self) -> None:
        refusal = self._session.refusal
        assert refusal is not None
        self._last_refusal = LastRefusal(version=refusal.version, reason=refusal.reason, at=self._service.now())
        if not self._service.may_log():
            return
        LOG.warning(
            "discovery: %s %s refused version %s and serves on with version %s: %s",
            self.node.role,
            self.node.name,
            refusal.version,
            self._session.version or "none",
            refusal.reason[:_LONGEST_LOGGED],
        )

    def _check_same_node(self, request: DeltaDiscoveryRequest) -> None:
        try:
            node = msgspec.structs.replace(self._service.completed(read_node(request.node)), identity=self.node.identity)
        except WrongNode as error:
            raise _Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        if node != self.node:
            message = "a stream is for one node; open another one to be somebody else"
            raise _Refused(grpc.StatusCode.PERMISSION_DENIED, message)

    def _log_strange_names(self) -> None:
        strange = self._session.take_strange_names()
        if strange and self._service.may_log():
            names = ", ".join(repr(name[:100]) for name in strange)
            LOG.warning("discovery: %s asks for resources that it is not meant to have: %s", self.node.identity, names)
