"""The certificate authority as gRPC service, compatible on the wire with Istio's: `IstioCertificateService/CreateCertificate`.

A call takes less than a millisecond, and waits only where somebody else has to be asked about its token, so that none holds up
the others for long; how many are taken in a second is bounded, and whoever comes too often is told to come later.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from hauberk_control.ca.authority import Authority, Issued
from hauberk_control.ca.caller import Caller, Refused, check_claims, identify
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.rates import Rate, Rates
from hauberk_control.ca.signing_request import RequestRefused, SigningRequest, read_request
from hauberk_control.ca.tokens import TokenRefused, Tokens
from hauberk_core.agent.identity.svid import stamp
from hauberk_core.agent.identity.wire_names import CLOCK, LARGEST_MESSAGE, METHOD, SERVICE
from hauberk_core.agent.logs import LOG
from hauberk_core.model.errors import quote
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse

# With the handshake of its connection, a call costs control some four milliseconds of a processor; discovery needs its part too.
# Agents that are put off come back after a pause that chance has a hand in.
_PER_SECOND: Final = 200.0
_AT_ONCE: Final = 400.0
# One service account's workloads: however often they ask, they keep nobody else out.
_PER_SECOND_EACH: Final = 100.0
_AT_ONCE_EACH: Final = 100.0
_MOST_IDENTITIES: Final = 10_000
# Lines about refusals: enough to see what goes on, too few to fill a disk.
_LINES_PER_SECOND: Final = 10.0
_LINES_AT_ONCE: Final = 100.0


class Limits(NamedTuple):
    """How many certificates may be asked for."""

    per_second: float = _PER_SECOND
    at_once: float = _AT_ONCE
    per_second_each: float = _PER_SECOND_EACH
    """For one identity."""
    at_once_each: float = _AT_ONCE_EACH


class CertificateService:
    """Answers `CreateCertificate`."""

    def __init__(
        self,
        authority: Authority,
        tokens: Tokens,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority: Final = authority
        self._tokens: Final = tokens
        self._rate: Final = Rate(limits.per_second, limits.at_once, monotonic)
        self._rates: Final = Rates(limits.per_second_each, limits.at_once_each, _MOST_IDENTITIES, monotonic)
        self._lines: Final = Rate(_LINES_PER_SECOND, _LINES_AT_ONCE, monotonic)
        self.issued = 0
        self.refused: Final[dict[str, int]] = {}
        """Calls by the reason they were refused for, out of a short list."""

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to route calls here."""
        # Octets in and out: what cannot be read is then refused like everything else.
        method = grpc.unary_unary_rpc_method_handler(self._create_certificate)
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def _create_certificate(self, data: bytes, context: Any) -> bytes:
        now = self._authority.now()
        # Whoever is refused for a clock that is wrong sees from it by how much.
        context.set_trailing_metadata(((CLOCK, f"{now.timestamp():.3f}"),))
        try:
            return await self._answer(data, context, now)
        except Refused as error:
            self._note_refusal(error, context.peer())
            await context.abort(error.code, str(error))
            raise AssertionError("unreachable: abort raises") from error

    async def _answer(self, data: bytes, context: Any, now: dt.datetime) -> bytes:
        if not self._rate.take():
            raise _busy("control signs certificates for many at the moment")
        caller = await identify(
            context.auth_context(), context.invocation_metadata(), self._tokens, self._authority.trust_domain, now
        )
        if not self._rates.take(str(caller.identity)):
            raise _busy(f"too many certificates are asked for as {caller.identity}")
        wanted = _read_message(data)
        check_claims(MessageToDict(wanted.metadata), caller)
        try:
            request = read_request(wanted.csr)
        except RequestRefused as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "bad request", f"the signing request is refused: {error}") from error
        self._note_ignored(request, caller)
        if caller.token:
            try:
                self._tokens.redeem(caller.token)
            except TokenRefused as error:
                raise Refused(grpc.StatusCode.UNAUTHENTICATED, error.reason, str(error)) from error
        issued = self._sign(request, caller, wanted.validity_duration)
        self.issued += 1
        LOG.info("certificate %x for %s until %s", issued.serial, caller, stamp(issued.not_after))
        return IstioCertificateResponse(cert_chain=[*issued.chain, *issued.roots]).SerializeToString()

    def _sign(self, request: SigningRequest, caller: Caller, seconds: int) -> Issued:
        longest = self._authority.longest_validity
        # 0 leaves it to us. Bounded before it becomes a timedelta, which could not hold 64 bits of seconds.
        validity = dt.timedelta(seconds=min(max(seconds, 1), int(longest.total_seconds()))) if seconds else longest
        try:
            return self._authority.sign_workload(request.public_key, caller.identity, validity)
        except AuthorityError as error:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "no authority", f"control cannot sign: {error}") from error

    def _note_refusal(self, error: Refused, peer: str) -> None:
        self.refused[error.reason] = self.refused.get(error.reason, 0) + 1
        if self._lines.take():
            LOG.warning("certificate refused to %s, %s: %s", peer, error.reason, error)

    def _note_ignored(self, request: SigningRequest, caller: Caller) -> None:
        others = [name for name in request.asked_names if name != str(caller.identity)]
        if others and self._lines.take():
            LOG.warning("%s asked for a certificate with the name %s, which it does not get", caller, quote(others[0]))


def _busy(message: str) -> Refused:
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", f"{message}; ask again later, and not all at the same moment")


def _read_message(data: bytes) -> IstioCertificateRequest:
    if len(data) > LARGEST_MESSAGE:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            "bad message",
            f"a message of {len(data)} octets; at most {LARGEST_MESSAGE} are taken",
        )
    try:
        return IstioCertificateRequest.FromString(data)
    except DecodeError as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "bad message", f"it is no IstioCertificateRequest: {error}") from error
