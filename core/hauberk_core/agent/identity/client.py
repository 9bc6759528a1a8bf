"""Asks control for a certificate, over gRPC."""

from typing import Final, NamedTuple, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from hauberk_core.agent.grpc_bridge import AsyncioThread, BridgeClosed
from hauberk_core.agent.identity.wire_names import (
    AUTHORIZATION,
    BEARER,
    CLOCK,
    CONTROL_NAME,
    LARGEST_MESSAGE,
    METHOD,
    SERVICE,
)
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse

# Signing takes a millisecond; the rest is for a control that starts, and for a machine that is busy.
_CALL_SECONDS: Final = 10.0
# No channel dials twice: whoever made it decides when to come again. By itself one that failed would go on, while anything refers
# to it, and control would be asked several times as often as is meant.
_NO_REDIAL_MS: Final = 3_600_000
# What control tells of an error may stand in a log line.
_LONGEST_DETAIL: Final = 1000

# To come again with the same proof would change nothing.
_FINAL: Final = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
)


Options = tuple[tuple[str, str | int], ...]
"""Of a channel."""
_Metadata = tuple[tuple[str, str], ...]


class CertificateUnavailable(Exception):
    """No certificate this time; the message says why. Trying again may help."""


class CertificateDenied(Exception):
    """Control refuses; the message is its own. Trying again with the same proof does not help."""


class Answer(NamedTuple):
    """What control gave."""

    certificates: list[str]
    """PEM, one certificate each: the workload's own, intermediates, roots."""
    control_clock: float | None
    """Control's clock when it answered, seconds since 1970; None if it did not say."""


class CertificateClient(Protocol):
    """Whoever can ask for certificates."""

    async def join(self, csr: str, seconds: int, claims: dict[str, str], token: str, root_pem: bytes) -> Answer:
        """Ask for the first certificate, by a join token.

        Args: csr - PEM; seconds - how long it shall be valid, 0 for as long as control gives; claims - what this workload takes
        itself for; root_pem - by what control is known.
        Raises: CertificateUnavailable, CertificateDenied. Cancellation: safe; whether the token was used up is then not known.
        """
        ...

    async def renew(self, csr: str, seconds: int, claims: dict[str, str], identity: WorkloadIdentity) -> Answer:
        """Ask for the next certificate, by the one that is in use. The rest as for `join`."""
        ...


class GrpcCertificateClient:
    """Asks control over the network; each time on a connection of its own, which presents the certificate of the moment."""

    def __init__(self, thread: AsyncioThread, control: str, join: str) -> None:
        """Args: control - `host:port` where control requires certificates; join - where it takes tokens."""
        self._thread: Final = thread
        self._control: Final = control
        self._join: Final = join

    async def join(self, csr: str, seconds: int, claims: dict[str, str], token: str, root_pem: bytes) -> Answer:
        credentials = grpc.ssl_channel_credentials(root_pem)
        return await self._call(self._join, credentials, request_message(csr, seconds, claims), bearer(token))

    async def renew(self, csr: str, seconds: int, claims: dict[str, str], identity: WorkloadIdentity) -> Answer:
        credentials = grpc.ssl_channel_credentials(identity.trust_pem, identity.key_pem, identity.certificate_pem)
        return await self._call(self._control, credentials, request_message(csr, seconds, claims), ())

    async def _call(self, address: str, credentials: grpc.ChannelCredentials, message: bytes, metadata: _Metadata) -> Answer:
        try:
            return await self._thread.run(create_certificate, address, credentials, message, metadata, channel_options())
        except BridgeClosed as error:
            raise CertificateUnavailable(f"this agent is ending: {error}") from error


def channel_options() -> Options:
    """Options for a channel to control: known by its name, whatever its address, and with nothing shared with other channels."""
    return (
        ("grpc.ssl_target_name_override", CONTROL_NAME),
        ("grpc.default_authority", CONTROL_NAME),
        *own_channel(),
    )


def own_channel() -> Options:
    """Options for a channel that shares nothing with others."""
    return (
        # Else an earlier channel's connection, or the pause after its failure, would be ours as well.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", _NO_REDIAL_MS),
        ("grpc.max_reconnect_backoff_ms", _NO_REDIAL_MS),
        # Proxies are for the workload's traffic; control is reached directly.
        ("grpc.enable_http_proxy", 0),
    )


def bearer(token: str) -> _Metadata:
    """Request metadata that proves who calls."""
    return ((AUTHORIZATION, BEARER + token),)


def request_message(csr: str, seconds: int, claims: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    message = IstioCertificateRequest(csr=csr, validity_duration=seconds)
    message.metadata.update(claims)
    return message.SerializeToString()


async def create_certificate(
    address: str,
    credentials: grpc.ChannelCredentials,
    message: bytes,
    metadata: _Metadata,
    options: Options,
    who: str = "control",
) -> Answer:
    """Call the service once. On the asyncio thread.

    Args: message - of `request_message`; who - is asked, for messages. Raises: CertificateUnavailable, CertificateDenied.
    """
    options = (*options, ("grpc.max_receive_message_length", LARGEST_MESSAGE))
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        call = channel.unary_unary(f"/{SERVICE}/{METHOD}")(message, timeout=_CALL_SECONDS, metadata=metadata)
        try:
            data = await call
            answer = IstioCertificateResponse.FromString(data)
            clock = _read_clock(await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            raise _explain(error, f"{who} at {address}", who) from error
        except DecodeError as error:
            raise CertificateUnavailable(f"{who} at {address} answered with something else than certificates: {error}") from error
    return Answer(list(answer.cert_chain), clock)


def _read_clock(metadata: object) -> float | None:
    if not isinstance(metadata, grpc.aio.Metadata):
        return None
    try:
        return float(str(metadata.get(CLOCK)))
    except ValueError:
        return None


def _explain(error: grpc.aio.AioRpcError, place: str, who: str) -> Exception:
    code = error.code()
    details = str(error.details() or code.name)[:_LONGEST_DETAIL]
    if code in _FINAL:
        return CertificateDenied(f"{place} refuses ({code.name}): {details}")
    if "CERTIFICATE_VERIFY_FAILED" in details:
        details += f"; {who}'s certificate does not lead to the root we know, or one of the two clocks is wrong"
    return CertificateUnavailable(f"{place} gives no certificate ({code.name}): {details}")
