"""TLS to peers whose certificate must have one of several names, whatever name they are asked for by."""

import ssl
from typing import Final

from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls import TlsStream
from hauberk_core.net.tls_failure import CertificateRefused
from hauberk_core.net.transport import HANDSHAKE_DONE, Security, Stream
from hauberk_core.net.x509 import read_facts, read_peer

# Names of a certificate in a refusal, which is for a person to read.
_MOST_TOLD: Final = 5


class NamedPeerStream(TlsStream):
    """A client's connection. Its handshake fails unless the certificate, which OpenSSL believes, has one of the names."""

    __slots__ = ("_names",)

    def __init__(self, inner: SocketStream, context: ssl.SSLContext, host: str, names: tuple[str, ...]) -> None:
        """Args: host - asked for as SNI; names - host names, perhaps `*.name`, and URIs."""
        super().__init__(inner, context, False, host)
        self._names: Final = names

    def handshake(self) -> int:
        state = super().handshake()
        if state == HANDSHAKE_DONE:
            check_names(self.peer_certificate(), self._names)
        return state


class NamedPeerSecurity(Security):
    """Wraps a cluster's connections."""

    def __init__(self, context: ssl.SSLContext, server_name: str, names: tuple[str, ...]) -> None:
        self._context: Final = context
        self._server_name: Final = server_name
        self._names: Final = names

    def wrap(self, stream: Stream, host: str) -> Stream:
        if not isinstance(stream, SocketStream):
            raise TypeError("TLS needs a stream over a socket of the kernel")
        return NamedPeerStream(stream, self._context, self._server_name or host, self._names)


def check_names(certificate: bytes, expected: tuple[str, ...]) -> None:
    """Hold a peer's certificate (DER) against names.

    Raises: CertificateRefused if it has none of them, or cannot be read.
    """
    try:
        hosts = read_facts(certificate).names
        uris = read_peer(certificate).uris
    except ValueError as error:
        raise CertificateRefused(f"the peer's certificate cannot be read: {error}") from error
    for name in expected:
        if "://" in name:
            if name in uris:
                return
        else:
            for host in hosts:
                if _is_same(host, name.lower()):
                    return
    told = [*hosts, *uris][:_MOST_TOLD]
    raise CertificateRefused(f"the peer's certificate is for {' and '.join(told) or 'nobody'}, not for {' or '.join(expected)}")


def _is_same(host: str, expected: str) -> bool:
    """Whether a certificate's name is the expected one; its wildcard stands for one label (RFC 9525 section 6.3)."""
    if host == expected:
        return True
    dot = expected.find(".")
    return dot > 0 and host.startswith("*.") and host[1:] == expected[dot:]
