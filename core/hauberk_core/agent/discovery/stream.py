"""One discovery stream to control, over `grpc.aio`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
import trio

from hauberk_core.agent.grpc_bridge import AsyncioThread, BridgeClosed
from hauberk_core.agent.identity.client import channel_options
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from hauberk_core.wire_proto.service import LARGEST_RESPONSE, METHOD_PATH

# From dialling to being admitted; what takes longer is tried again.
_CONNECT_SECONDS: Final = 10.0
# What control gets to read our last answer in, once we leave.
_FAREWELL_SECONDS: Final = 1.0
# For the status of a call that has ended: it has come already, or comes with the last octets.
_STATUS_SECONDS: Final = 10.0
# A control whose machine went away is noticed within a minute. Not more often than its server allows.
_KEEPALIVE_MS: Final = 30_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000
_LONGEST_DETAIL: Final = 1000
# To come again unchanged will probably not help, so that a person should hear of it.
_REFUSALS: Final = (
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
)


class StreamEnded(Exception):
    """There is no stream any more, or there never was one. The message is for a person."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused: Final = refused
        """Whether control said so itself, rather than being away."""


class _CallEnded(Exception):
    """Control has closed its side."""


_CALL_ERRORS: Final = (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError, BridgeClosed, _CallEnded)


class DiscoveryStream:
    """A stream on which control has admitted this proxy. One task may send, and one receive."""

    def __init__(self, thread: AsyncioThread, address: str, call: "_Call") -> None:
        self._thread: Final = thread
        self._address: Final = address
        self._call: Final = call

    async def send(self, request: DeltaDiscoveryRequest) -> None:
        """Send one request. Raises: StreamEnded. Cancellation: ends the stream."""
        try:
            await self._thread.run(self._call.write, request)
        except _CALL_ERRORS as error:
            raise await self._why(error) from error

    async def receive(self) -> DeltaDiscoveryResponse:
        """The next response. Raises: StreamEnded. Cancellation: safe; what comes is kept for the next call."""
        try:
            response = await self._thread.run(self._call.read)
        except _CALL_ERRORS as error:
            raise await self._why(error) from error
        return response

    async def _why(self, error: Exception) -> StreamEnded:
        if isinstance(error, grpc.aio.AioRpcError):
            return _explain(error.code(), error.details() or "", self._address)
        with contextlib.suppress(BridgeClosed), trio.move_on_after(_STATUS_SECONDS):
            code, details = await self._thread.run(self._call.status)
            return _explain(code, details, self._address)
        return StreamEnded(f"the stream to control at {self._address} broke: {error!r}")


@contextlib.asynccontextmanager
async def open_stream(
    thread: AsyncioThread, address: str, identity: WorkloadIdentity, first: DeltaDiscoveryRequest
) -> AsyncIterator[DiscoveryStream]:
    """Dial control, send the first request, and wait until control has admitted this proxy.

    At the end of the block what was sent is given a moment to arrive.

    Raises: StreamEnded. Cancellation: safe.
    """
    credentials = grpc.ssl_channel_credentials(identity.trust_pem, identity.key_pem, identity.certificate_pem)
    call = _Call(address, credentials)
    await thread.run(call.dial)
    stream = DiscoveryStream(thread, address, call)
    try:
        with trio.move_on_after(_CONNECT_SECONDS) as scope:
            await stream.send(first)
            try:
                await thread.run(call.wait_admitted)
            except _CALL_ERRORS as error:
                raise await stream._why(error) from error
        if scope.cancelled_caught:
            raise StreamEnded(f"control at {address} does not answer within {_CONNECT_SECONDS:.0f} s")
        yield stream
    finally:
        with trio.CancelScope(shield=True), contextlib.suppress(BridgeClosed):
            with trio.move_on_after(_FAREWELL_SECONDS):
                await thread.run(call.say_farewell)
            with trio.move_on_after(_FAREWELL_SECONDS):
                await thread.run(call.hang_up)


class _Call:
    """The asyncio side of a stream: made, used and ended on the asyncio thread."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials) -> None:
        self._address: Final = address
        self._credentials: Final = credentials
        self._reading: asyncio.Task[object] | None = None
        self._channel: Any
        self._call: Any

    async def dial(self) -> None:
        options = (
            *channel_options(),
            ("grpc.max_receive_message_length", LARGEST_RESPONSE),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ("grpc.enable_retries", 0),
        )
        self._channel = grpc.aio.secure_channel(self._address, self._credentials, options)
        method = self._channel.stream_stream(
            METHOD_PATH,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )
        self._call = method()

    async def write(self, request: DeltaDiscoveryRequest) -> None:
        if self._call.done():
            raise _CallEnded
        await self._call.write(request)

    async def read(self) -> DeltaDiscoveryResponse:
        # gRPC ends the whole call when a read is cancelled; so nobody cancels it, and the next one finds it under way.
        if self._reading is None:
            self._reading = asyncio.create_task(self._call.read())
        response = await asyncio.shield(self._reading)
        self._reading = None
        if not isinstance(response, DeltaDiscoveryResponse):  # the marker of the end
            raise _CallEnded
        return response

    async def wait_admitted(self) -> None:
        await self._call.initial_metadata()
        if self._call.done():
            raise _CallEnded

    async def status(self) -> tuple[grpc.StatusCode, str]:
        code: grpc.StatusCode = await self._call.code()
        return code, str(await self._call.details() or "")

    async def say_farewell(self) -> None:
        if not self._call.done():
            try:
                await self._call.done_writing()
            except grpc.aio.BaseError:  # the call ended at this moment
                return
            # Control closes its side once it has read ours.
            await self._call.code()

    async def hang_up(self) -> None:
        self._call.cancel()
        if self._reading is not None:
            await asyncio.wait([self._reading])
            if not self._reading.cancelled():
                self._reading.exception()
        await self._channel.close()


def _explain(code: grpc.StatusCode, details: str, address: str) -> StreamEnded:
    details = details[:_LONGEST_DETAIL]
    if code == grpc.StatusCode.OK:
        return StreamEnded(f"control at {address} closed the stream")
    if code in _REFUSALS:
        return StreamEnded(f"control at {address} refuses this proxy ({code.name}): {details}", refused=True)
    if "CERTIFICATE_VERIFY_FAILED" in details:
        details += (
            "; control's certificate does not lead to the roots of this proxy's identity, or one of the two clocks is wrong"
        )
    return StreamEnded(f"control at {address} cannot be reached ({code.name}): {details}")
