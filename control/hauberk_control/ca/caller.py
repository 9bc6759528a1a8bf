"""Who calls: a certificate has the name that its caller has proved, by a certificate of this mesh or by a join token."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import grpc

from hauberk_control.ca.tokens import Grant, TokenRefused, Tokens, TokensUnavailable
from hauberk_core.agent.identity.svid import SvidError, check_svid, read_pem, stamp
from hauberk_core.agent.identity.wire_names import (
    AUTHORIZATION,
    BEARER,
    CLAIM_NAME,
    CLAIM_NAMESPACE,
    CLAIM_ROLE,
    CLAIM_SERVICE_ACCOUNT,
)
from hauberk_core.identity import SpiffeError, SpiffeId
from hauberk_core.model.errors import quote

# What gRPC says of a connection whose client presented a certificate that leads to our roots; the handshake checked that.
_PEER_CERTIFICATE: Final = "x509_pem_cert"
# Istio's node proxies ask so for certificates of the workloads they carry. We have no such proxies.
_IMPERSONATED: Final = "ImpersonatedIdentity"


class Refused(Exception):
    """A call is refused, as gRPC tells it to the caller."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.reason: Final = reason
        """A word or two for counters and logs, out of a short list."""


class Caller(NamedTuple):
    """Who calls, proved."""

    identity: SpiffeId
    token: str
    """The token to be used up, or empty for a caller with a certificate."""
    grant: Grant | None
    """What that token is good for."""

    def __str__(self) -> str:
        if self.grant is None:
            return str(self.identity)
        what = f"{self.grant.role} {quote(self.grant.name)}".strip() if self.grant.name else "by its service account"
        return f"{self.identity} ({what}, joining)"


def peer_identity(auth_context: Mapping[str, Sequence[bytes]], trust_domain: str, now: dt.datetime) -> SpiffeId | None:
    """The identity in the client certificate of a connection, or None if it presented none.

    A connection outlives its certificate, so that the time is checked at each call.

    Args: auth_context - as gRPC has it for this connection. Raises: Refused if the certificate gives its owner no identity here.
    """
    presented = auth_context.get(_PEER_CERTIFICATE)
    if not presented:
        return None
    try:
        certificate = read_pem(presented[0]).certificates[0]
        identity = SpiffeId.parse(check_svid([certificate]))
    except (SvidError, SpiffeError) as error:
        raise Refused(
            grpc.StatusCode.UNAUTHENTICATED, "no identity", f"the client certificate is no workload's: {error}; join with a token"
        ) from error
    if identity.trust_domain != trust_domain:
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            "other trust domain",
            f"{identity} is of another mesh: this one is {trust_domain}; join it with a token",
        )
    ended = certificate.not_valid_after_utc
    if now > ended:
        raise Refused(
            grpc.StatusCode.UNAUTHENTICATED,
            "certificate ended",
            f"the client certificate ended at {stamp(ended)}, and control's clock says {stamp(now)}; "
            "connect again with its successor, or join with a token",
        )
    return identity


async def identify(
    auth_context: Mapping[str, Sequence[bytes]],
    metadata: Iterable[tuple[str, str | bytes]],
    tokens: Tokens,
    trust_domain: str,
    now: dt.datetime,
) -> Caller:
    """Find out who calls; a token is looked at and not used up yet.

    Raises: Refused for a caller who has proved nothing, or two things at once.
    """
    identity = peer_identity(auth_context, trust_domain, now)
    given = [value for name, value in metadata if name == AUTHORIZATION]
    if identity is not None:
        if given:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                "two proofs",
                "a client certificate and a token at once; join over a connection without a certificate",
            )
        return Caller(identity, "", None)
    if len(given) != 1 or not isinstance(given[0], str) or not given[0].startswith(BEARER):
        raise Refused(
            grpc.StatusCode.UNAUTHENTICATED,
            "no proof",
            f"present a certificate of this mesh, or one token as '{AUTHORIZATION}: {BEARER}TOKEN'",
        )
    token = given[0].removeprefix(BEARER)
    try:
        grant = await tokens.prove(token)
    except TokenRefused as error:
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, error.reason, str(error)) from error
    except TokensUnavailable as error:
        raise Refused(grpc.StatusCode.UNAVAILABLE, "unchecked token", str(error)) from error
    if grant.identity.trust_domain != trust_domain:
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            "other trust domain",
            f"the token is for {grant.identity}, this mesh is {trust_domain}",
        )
    return Caller(grant.identity, token, grant)


def check_claims(claims: Mapping[str, object], caller: Caller) -> None:
    """Refuse a caller who takes itself for somebody else, so that nobody gets another name than it expects.

    Raises: Refused.
    """
    if claims.get(_IMPERSONATED):
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            "impersonation",
            f"{caller.identity} may not have a certificate for another; each workload's own agent asks for it",
        )
    proved = {CLAIM_NAMESPACE: caller.identity.namespace, CLAIM_SERVICE_ACCOUNT: caller.identity.service_account}
    if caller.grant is not None and caller.grant.role:
        proved |= {CLAIM_ROLE: caller.grant.role, CLAIM_NAME: caller.grant.name}
    for claim, right in proved.items():
        claimed = claims.get(claim, right)
        if claimed != right:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED,
                "wrong claim",
                f"the caller says its {claim} is {quote(str(claimed))} and has proved {quote(right)}; "
                "start it as what it is, or have a token made for what it shall be",
            )
