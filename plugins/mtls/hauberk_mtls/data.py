"""How a listener or a cluster in the mesh is secured."""

import hashlib
import ssl
from typing import Final

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import Security, Stream
from hauberk_core.plugin.identity import Identity
from hauberk_core.plugin.services import Services
from hauberk_mtls.context import OWN_PROTOCOLS, client_context, server_context
from hauberk_mtls.peer import ExpectedPeers, own_identity
from hauberk_mtls.refusals import Refusals
from hauberk_mtls.stream import AcceptedStream, MeshStream


def make_security(config: TransportConfig, identity: Identity, services: Services) -> Security | None:
    """The security of a transport that says `"security": "mesh"`; None for every other.

    Raises: ValueError, ssl.SSLError if the identity is incomplete, wrong, or names no workload.
    """
    if config.security != "mesh":
        return None
    if not identity.chain_pem or not identity.key_pem:
        raise ValueError("the mesh's transport needs a certificate with its key: name the proxy's own in `certificates`")
    if not identity.trust_pem:
        raise ValueError("the mesh's transport needs the mesh's authorities: name them in `trust_file`")
    itself = own_identity(identity.chain_pem)
    expected = ExpectedPeers(itself.trust_domain, config.identities)
    refusals = Refusals(services)
    if identity.is_listener:
        own = OWN_PROTOCOLS if config.foreign_tls == "pass" else ()
        return ServerSecurity(server_context(identity, config.alpn), config.mode == "permissive", own, expected, refusals)
    if not config.identities:
        raise ValueError("a cluster in the mesh needs `identities`: without, any workload could stand in for its endpoints")
    parts = (str(itself).encode(), identity.trust_pem, repr(config).encode())
    return ClientSecurity(client_context(identity, config.alpn), config.server_name, expected, refusals, _digest(parts))


class ServerSecurity(Security):
    """Of a listener: takes peers in the mesh, and in permissive mode also whoever speaks plain."""

    __slots__ = ("_context", "_expected", "_own_protocols", "_refusals", "_takes_plain")

    def __init__(
        self,
        context: ssl.SSLContext,
        takes_plain: bool,
        own_protocols: tuple[bytes, ...],
        expected: ExpectedPeers,
        refusals: Refusals,
    ) -> None:
        """Args: own_protocols - as `DetectingStream` has them."""
        self._own_protocols: Final = own_protocols
        self._context: Final = context
        self._takes_plain: Final = takes_plain
        self._expected: Final = expected
        self._refusals: Final = refusals

    def wrap(self, stream: Stream, host: str) -> Stream:
        plain = _socket(stream)
        secure = MeshStream(plain, self._context, False, "", self._expected, self._refusals)
        return AcceptedStream(plain, secure, self._takes_plain, self._own_protocols, self._refusals)

    def keeps(self, stream: Stream) -> bool:
        identity = stream.peer_identity()
        if identity:
            return self._expected.includes(identity)
        return self._takes_plain and not stream.is_secure()


class ClientSecurity(Security):
    """Of a cluster: talks to the expected peers and to nobody else."""

    __slots__ = ("_context", "_expected", "_pool_key", "_refusals", "_server_name")

    def __init__(
        self, context: ssl.SSLContext, server_name: str, expected: ExpectedPeers, refusals: Refusals, pool_key: bytes
    ) -> None:
        self._context: Final = context
        self._server_name: Final = server_name
        self._expected: Final = expected
        self._refusals: Final = refusals
        self._pool_key: Final = pool_key

    def wrap(self, stream: Stream, host: str) -> Stream:
        return MeshStream(_socket(stream), self._context, True, self._server_name, self._expected, self._refusals)

    def pool_key(self) -> bytes:
        # Our own identity, whom we believe and whom we expect; not the certificate, which is renewed all the time.
        return self._pool_key


def _socket(stream: Stream) -> SocketStream:
    if not isinstance(stream, SocketStream):
        raise TypeError("TLS needs a stream over a socket of the kernel")
    return stream


def _digest(parts: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
