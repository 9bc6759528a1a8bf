"""Asks an authority that signs in control's place, as cert-manager's istio-csr does.

It speaks the same service as control, and knows nothing else of this mesh: it is called by its own name, believes tokens alone,
at every renewal too, and signs the name that stands in the request if the token bears it out. Sources: Istio's `ca.proto`, and
istio-csr, `pkg/server`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import grpc

from hauberk_core.agent.grpc_bridge import AsyncioThread, BridgeClosed
from hauberk_core.agent.identity.client import (
    Answer,
    CertificateUnavailable,
    bearer,
    create_certificate,
    own_channel,
    request_message,
)
from hauberk_core.agent.identity.proof import JoinProof
from hauberk_core.agent.identity.svid import SvidError, read_pem, write_pem
from hauberk_core.agent.identity.workload import WorkloadIdentity

# Istio's agents ask for a day; such an authority may have no answer to a request that leaves it open.
_DAY_SECONDS: Final = 86_400


class ExternalAuthorityClient:
    """Asks over the network, each time on a connection of its own and with the token of the moment."""

    def __init__(self, thread: AsyncioThread, address: str, tokens: Callable[[], Awaitable[JoinProof]]) -> None:
        """Args: address - `host:port`; the host is the name in the authority's own certificate; tokens - gets a token, and the
        roots that are trusted now; raises CertificateUnavailable."""
        self._thread: Final = thread
        self._address: Final = address
        self._tokens: Final = tokens

    async def join(self, csr: str, seconds: int, claims: dict[str, str], token: str, root_pem: bytes) -> Answer:
        """As `CertificateClient` has it; the authority is told nothing but the request.

        Of the roots it tells only its own. All that are trusted already are part of the answer: control is known by another.
        """
        message = request_message(csr, seconds or _DAY_SECONDS, {})
        credentials = grpc.ssl_channel_credentials(root_pem)
        try:
            answer = await self._thread.run(
                create_certificate, self._address, credentials, message, bearer(token), own_channel(), "the authority"
            )
            known = [write_pem([root]).decode() for root in read_pem(root_pem).certificates]
        except BridgeClosed as error:
            raise CertificateUnavailable(f"this agent is ending: {error}") from error
        except SvidError as error:
            raise CertificateUnavailable(f"the roots that are trusted cannot be read: {error}") from error
        return answer._replace(certificates=[*answer.certificates, *known])

    async def renew(self, csr: str, seconds: int, claims: dict[str, str], identity: WorkloadIdentity) -> Answer:
        """The certificate in use proves nothing there: a token does again."""
        proof = await self._tokens()
        return await self.join(csr, seconds, claims, proof.token, proof.root_pem)
