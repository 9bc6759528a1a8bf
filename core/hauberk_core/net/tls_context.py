"""OpenSSL contexts made from a transport's configuration.

A context is never changed once connections use it: a new certificate or setting means a new context for the connections to come.

Server names: the callback leaves the name a client asked for in the connection's `server_hostname` (an `SSLSocket` has it unset
on the server's side), and switches to the context whose certificate has that name. Only the certificate is switched: OpenSSL keeps
the verification of clients, the versions and the ticket keys of the context that the handshake began with. Filter chains that
differ in those must be told apart before the handshake begins.
"""

import ssl
from collections.abc import Sequence
from typing import Final

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.x509 import read_certificate

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CertificateAndKey = tuple[bytes, bytes]
"""A PEM chain and its PEM key."""


def server_context(transport: TransportConfig, certificates: Sequence[CertificateAndKey], trust_pem: bytes) -> ssl.SSLContext:
    """The context of a filter chain that terminates TLS.

    Args: certificates - at least one; the first serves whoever asks for no name, or for one that none has.
          trust_pem - authorities whose clients are let in, each with a certificate; empty: clients need none.
    Raises: ssl.SSLError, ValueError if something cannot be loaded.
    """
    names: dict[str, int] = {}
    contexts: list[ssl.SSLContext] = []
    for chain, key in certificates:
        for name in read_certificate(chain).names:
            names.setdefault(name, len(contexts))
        contexts.append(_server_context(transport, chain, key, trust_pem))
    if not contexts:
        raise ValueError("a listener that speaks TLS needs a certificate")
    first = contexts[0]
    first.sni_callback = _Selector(names, contexts[1:]).select
    return first


def client_context(transport: TransportConfig, certificate: CertificateAndKey | None, trust_pem: bytes) -> ssl.SSLContext:
    """The context of a cluster that is reached over TLS; the name that is expected comes with each connection.

    Args: certificate - what we show when asked, if anything.
          trust_pem - authorities believed; empty: the system's.
    Raises: ssl.SSLError, ValueError if something cannot be loaded.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_common(context, transport)
    if not transport.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust_pem:
        _load_trust(context, trust_pem)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if certificate is not None:
        load_certificate(context, certificate[0], certificate[1])
    return context


def choose_name(names: dict[str, int], asked: str) -> int | None:
    """What stands in `names` for the server name `asked`: exact before `*.`, which covers one label (RFC 9525 section 6.3)."""
    name = asked.lower().removesuffix(".")
    found = names.get(name)
    if found is None:
        dot = name.find(".")
        if dot > 0:
            found = names.get("*" + name[dot:])
    return found


class _Selector:
    def __init__(self, names: dict[str, int], others: list[ssl.SSLContext]) -> None:
        self._names: Final = names
        self._others: Final = others
        """Without the first, which owns this object: so there is no cycle, and an old context goes with its last connection."""

    def select(self, connection: ssl.SSLObject, asked: str | None, _context: ssl.SSLContext) -> int | None:
        if asked:
            if isinstance(connection, ssl.SSLSocket):
                connection.server_hostname = asked
            chosen = choose_name(self._names, asked)
            if chosen:
                connection.context = self._others[chosen - 1]
        return None


def _server_context(transport: TransportConfig, chain: bytes, key: bytes, trust_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_common(context, transport)
    if trust_pem:
        _load_trust(context, trust_pem)
        context.verify_mode = ssl.CERT_REQUIRED
    load_certificate(context, chain, key)
    return context


def _set_common(context: ssl.SSLContext, transport: TransportConfig) -> None:
    context.minimum_version = _VERSIONS[transport.min_version]
    # A client that renegotiates makes us do its handshakes at will, and nobody needs it (RFC 9113 section 9.2.1).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if transport.alpn:
        context.set_alpn_protocols(list(transport.alpn))


def _load_trust(context: ssl.SSLContext, trust_pem: bytes) -> None:
    # Bundles carry comments in any encoding between the certificates.
    context.load_verify_locations(cadata=trust_pem.decode("ascii", "replace"))
    if not context.cert_store_stats()["x509"]:
        raise ValueError("no certificate in the trust file")
