"""The agent's configuration, told by control."""

import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio
from google.protobuf.struct_pb2 import Struct

from hauberk_core import build_info
from hauberk_core.agent.backoff import STEADY_SECONDS, Backoff
from hauberk_core.agent.discovery.last_good import LastGoodError, LastGoodFile
from hauberk_core.agent.discovery.mirror import Candidate, DiscoveryProtocolError, Mirror
from hauberk_core.agent.discovery.stream import DiscoveryStream, StreamEnded, open_stream
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.keep import IdentityFailed
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.source import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, Source, SourceFailed
from hauberk_core.agent.state import Check
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.config import Loaded, check_whole
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.wire_proto.configuration import IN_MEMORY, Decoder, Resources, decode_configuration
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, Node
from hauberk_core.wire_proto.service import IN_FORCE_FIELD, NODE_FIELD

WORKLOAD: Final = "workload"
"""The name, in snapshots, of this proxy's own certificate, and of the authorities by which it knows its peers."""

# Octets that are read in the time that it takes to wake a thread: what one edit of a small mesh changes.
_AT_ONCE: Final = 16 * 1024
# An answer that control does not take within this time is dropped with its stream.
_ANSWER_SECONDS: Final = 5.0
# While control stays away, the log says so this often.
_REMIND_SECONDS: Final = 60.0

KeepIdentity = Callable[[AsyncioThread, Callable[[WorkloadIdentity], None]], Awaitable[None]]
"""Calls back with each identity, the first as soon as there is one; runs until cancelled. Raises: IdentityFailed."""


class DiscoverySettings(NamedTuple):
    """Which proxy this is, and where it is told its configuration."""

    control: str
    """`host:port` of the discovery server."""
    identity: str
    """The SPIFFE ID that the proxy will have."""
    node: bytes
    """The node document, JSON."""
    state_folder: Path
    """Where the last good configuration is kept."""
    plugins: Mapping[str, str] | None = None
    """The plugins that are installed here, with their versions, to be told to control; None: nothing is told."""


class _Read(NamedTuple):
    """What resources were found to mean, so that a renewal of the identity need not find out again."""

    resources: Resources
    snapshot: Snapshot
    pems: dict[str, CertificatePem]


class DiscoverySource(Source):
    """Yields what control tells, and once more with each renewal of this proxy's identity.

    Begins with what is on disk, if that served before; control is asked for the difference.
    """

    patient = True
    by_others = True

    def __init__(
        self,
        settings: DiscoverySettings,
        keep_identity: KeepIdentity,
        dice: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare. Args: dice - uniform in [0, 1); clock - seconds since the epoch."""
        self.folder = settings.state_folder
        self.certificates = {}
        self.trust = {}
        self._settings: Final = settings
        self._keep_identity: Final = keep_identity
        self._backoff: Final = Backoff(dice)
        self._clock: Final = clock
        self._file: Final = LastGoodFile(settings.state_folder, settings.identity, settings.node)
        self._node: Final = _node_message(settings)
        self._mirror = Mirror("", {})
        self._in_force_since = 0.0
        """When what the mirror holds began to serve; 0 where it holds nothing."""
        self._identity: WorkloadIdentity | None = None
        self._identity_told: WorkloadIdentity | None = None
        """The one that the agent was given last."""
        self._read: _Read | None = None
        self._decoder: Final = Decoder()
        self._disk_read = False
        self._mirror_ready: Final = trio.Event()
        self._pending: Candidate | None = None
        """What `next` gives next."""
        self._trying: Candidate | None = None
        """What the agent is trying, until it says what became of it."""
        self._declined: Candidate | None = None
        """What was refused for a reason that may pass: `next` gives it again, unless another candidate has come."""
        self._retry: Final = Backoff(dice, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        self._retry_at = math.inf
        self._greet_anew = False
        """Something came into force that control believes to be refused: another stream tells it."""
        self._refusal = ""
        """What control is told of the latest configuration, if that was refused."""
        self._changed = trio.Event()
        self._to_save = trio.Event()
        self._stream: DiscoveryStream | None = None
        self._connected_since = 0.0
        self._away_since = clock()
        self._away_because = "it was not asked yet"
        self._reminded_at: float | None = 0.0
        """When the log last said that control is away; None while it is there."""

    async def run(self) -> None:
        try:
            async with open_asyncio_thread() as thread, trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_identity, thread, self._take_identity)
                nursery.start_soon(self._hold_stream, thread)
                nursery.start_soon(self._keep_saved)
        except BaseExceptionGroup as group:
            failed, others = group.split(IdentityFailed)
            if failed is None or others is not None:
                raise
            raise SourceFailed(f"this proxy gets no identity: {_first(failed)}") from group

    async def next(self) -> Loaded:
        while self._identity is None:
            await self._wait_changed()
        if not self._disk_read:
            await self._read_disk()
        while True:
            identity = self._identity
            candidate = self._pending
            if candidate is None and trio.current_time() >= self._retry_at:
                candidate = self._declined
            elif candidate is not None:
                self._declined = None
                self._retry.reset()
            if candidate is not None:
                self._pending = None
                self._retry_at = math.inf
                self._trying = candidate
                return await self._load(candidate.version, candidate.resources, identity)
            if self._mirror.held and identity is not self._identity_told:
                return await self._load(self._mirror.version, self._mirror.held, identity)
            with trio.move_on_at(self._retry_at):
                await self._wait_changed()

    async def accepted(self) -> None:
        candidate, self._trying = self._trying, None
        self._mirror_ready.set()
        if candidate is not None:
            if candidate.version != self._mirror.version:
                self._in_force_since = self._clock()
            self._refusal = ""
            self._retry.reset()
        if candidate is not None and candidate is self._declined:
            self._declined = None
            self._mirror.hold(candidate)
            self._greet_anew = True
            self._to_save.set()
            self._wake()
        elif candidate is not None:
            request = self._mirror.accept(candidate)
            self._to_save.set()
            self._wake()
            await self._answer(request)

    async def refused(self, reason: str, passing: bool = False) -> None:
        candidate, self._trying = self._trying, None
        again = candidate is not None and candidate is self._declined
        if candidate is None and passing and not self._mirror_ready.is_set():
            # Of the disk. Control may be away, so that it is tried again; meanwhile nothing is held.
            candidate = Candidate(self._mirror.version, self._mirror.held, "")
            self._mirror = Mirror("", {})
            again = True
        self._declined = candidate if passing else None
        if self._declined is not None:
            self._retry_at = trio.current_time() + self._retry.next_pause()
        if candidate is not None and again:
            self._refusal = f"; {candidate.version!r} was refused and is tried again: {reason}"
        elif candidate is not None:
            self._refusal = f"; {candidate.version!r} was refused: {reason}"
            request = self._mirror.refuse(candidate, reason)
            self._wake()
            await self._answer(request)
        elif not self._mirror_ready.is_set():
            # What the disk kept cannot be served: control is asked for everything.
            self._mirror = Mirror("", {})
        self._mirror_ready.set()

    def checks(self) -> list[Check]:
        version = f"{self._mirror.version!r}" if self._mirror.held else "none yet"
        if self._stream is not None:
            since = self._clock() - self._connected_since
            detail = f"connected for {since:.0f} s, configuration {version}{self._refusal}"
        else:
            since = self._clock() - self._away_since
            detail = f"away for {since:.0f} s, serving configuration {version} meanwhile: {self._away_because}"
        # Whether control is there says nothing of whether this proxy serves.
        return [Check("control", True, detail)]

    def _take_identity(self, identity: WorkloadIdentity) -> None:
        self._identity = identity
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _wait_changed(self) -> None:
        await self._changed.wait()

    async def _read_disk(self) -> None:
        self._disk_read = True
        try:
            kept = await trio.to_thread.run_sync(self._file.load)
        except LastGoodError as error:
            LOG.warning("%s", error)
            kept = None
        if kept is None or not kept.resources:
            self._mirror_ready.set()
            return
        LOG.info("starting with configuration %r from disk; control is asked what changed since", kept.version)
        self._mirror = Mirror(kept.version, kept.resources)
        self._in_force_since = kept.in_force_since

    async def _load(self, version: str, resources: Resources, identity: WorkloadIdentity) -> Loaded:
        self._identity_told = identity
        read = self._read
        if read is None or read.resources is not resources:
            before = None if read is None else read.snapshot
            if self._decoder.fresh_octets(resources) <= _AT_ONCE:
                read = _read(version, resources, self._decoder, before)
            else:
                read = await trio.to_thread.run_sync(_read, version, resources, self._decoder, before)
            self._read = read
        # Replaced, not changed: a reading of the ones before may be under way in a thread.
        self.certificates = {**read.pems, WORKLOAD: CertificatePem(identity.certificate_pem, identity.key_pem)}
        self.trust = {WORKLOAD: identity.trust_pem}
        return Loaded(read.snapshot, [])

    async def _answer(self, request: DeltaDiscoveryRequest) -> None:
        # The stream that brought the candidate, or none: another one is opened only after the verdict.
        stream = self._stream
        if stream is None:
            return
        with trio.move_on_after(_ANSWER_SECONDS):
            try:
                await stream.send(request)
            except StreamEnded:
                return  # whoever receives on it notices too, and says so

    async def _hold_stream(self, thread: AsyncioThread) -> None:
        await self._mirror_ready.wait()
        while True:
            await self._wait_decided()
            identity = self._identity
            assert identity is not None  # nothing was loaded, or tried, before there was one
            connected = None
            self._greet_anew = False
            self._node.metadata.fields[IN_FORCE_FIELD].number_value = self._in_force_since if self._mirror.held else 0.0
            greeting = self._mirror.greet(self._node)
            try:
                async with open_stream(thread, self._settings.control, identity, greeting) as stream:
                    connected = trio.current_time()
                    self._note_connected(stream)
                    try:
                        await self._use_stream(stream, identity)
                    finally:
                        self._stream = None
                        self._away_since = self._clock()
                self._away_because = "coming back with what is new here"
                continue
            except (StreamEnded, DiscoveryProtocolError) as error:
                self._note_away(str(error), isinstance(error, StreamEnded) and error.refused)
            if connected is not None and trio.current_time() - connected >= STEADY_SECONDS:
                self._backoff.reset()
            await trio.sleep(self._backoff.next_pause())

    async def _wait_decided(self) -> None:
        """Wait until the agent has said what became of the last candidate."""
        if self._pending is not None:
            self._pending = None
            self._mirror.drop()
        while self._mirror.undecided:
            await self._wait_changed()

    async def _use_stream(self, stream: DiscoveryStream, identity: WorkloadIdentity) -> None:
        """Receive until there is a new identity to come back with. Raises: StreamEnded, DiscoveryProtocolError."""
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_at_renewal, scope, identity)
                try:
                    await self._receive_from(stream)
                except (StreamEnded, DiscoveryProtocolError) as error:
                    ended: Exception = error
                    nursery.cancel_scope.cancel()
        if not scope.cancelled_caught:
            raise ended

    async def _cancel_at_renewal(self, scope: trio.CancelScope, identity: WorkloadIdentity) -> None:
        while self._identity is identity and not self._greet_anew:
            await self._wait_changed()
        scope.cancel()

    async def _receive_from(self, stream: DiscoveryStream) -> None:
        while True:
            self._pending = self._mirror.receive(await stream.receive())
            self._wake()

    async def _keep_saved(self) -> None:
        while True:
            await self._to_save.wait()
            self._to_save = trio.Event()
            mirror = self._mirror
            try:
                await trio.to_thread.run_sync(self._file.save, mirror.version, mirror.held, self._in_force_since)
            except LastGoodError as error:
                LOG.error("%s", error)

    def _note_connected(self, stream: DiscoveryStream) -> None:
        self._stream = stream
        self._connected_since = self._clock()
        if self._reminded_at is not None:
            LOG.info("connected to control at %s", self._settings.control)
        self._reminded_at = None

    def _note_away(self, reason: str, refused: bool) -> None:
        now = self._clock()
        self._away_because = reason
        if self._reminded_at is not None and now - self._reminded_at < _REMIND_SECONDS:
            return
        self._reminded_at = now
        doing = (
            f"serving on with configuration {self._mirror.version!r}"
            if self._mirror.held
            else "waiting for a first configuration"
        )
        LOG.log(logging.ERROR if refused else logging.WARNING, "%s; %s, and asking again", reason, doing)


def _read(version: str, resources: Resources, decoder: Decoder, before: Snapshot | None) -> _Read:
    """Decode and check. Warnings are for who writes a configuration by hand: what control sends is meant so, a Service without
    endpoints too, and what is worth telling of it stands in the objects' status. Raises: ConfigErrors."""
    snapshot, pems = decode_configuration(resources, version, "control", decoder)
    snapshot = msgspec.structs.replace(snapshot, certificates={**snapshot.certificates, WORKLOAD: IN_MEMORY})
    check_whole(snapshot, "control", before)
    return _Read(resources, snapshot, pems)


def _node_message(settings: DiscoverySettings) -> Node:
    document = settings.node
    if settings.plugins is not None:
        # Beside the document, not in it: what the disk kept stays good when a plugin is added.
        members = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
        document = msgspec.json.encode({**members, "plugins": settings.plugins})
    metadata = Struct()
    metadata.fields[NODE_FIELD].string_value = document.decode()
    return Node(id=settings.identity, metadata=metadata, user_agent_name="hauberk", user_agent_version=build_info.version())


def _first(group: BaseExceptionGroup[IdentityFailed]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
