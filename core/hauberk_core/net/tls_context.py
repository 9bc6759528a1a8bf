"""OpenSSL contexts made from a transport's configuration.

A context is never changed once connections use it: a new certificate or setting means a new context for the connections to come.

A listener has one context that handshakes begin with. When the client says which server it wants, the callback leaves the name in
the connection's `server_hostname` (which an `SSLSocket` has unset on the server's side), and switches to the context of the right
filter chain and certificate. OpenSSL then takes certificate and ALPN from there, but keeps the verification of clients, the
versions and the ticket keys of the context it began with: so filter chains that differ in these cannot share a listener.
"""

import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.x509 import read_certificate

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CertificateAndKey = tuple[bytes, bytes]
"""A PEM chain and its PEM key."""


class SecureChain(NamedTuple):
    """What a filter chain adds to its listener's context."""

    server_names: tuple[str, ...]
    transport: TransportConfig
    certificates: tuple[CertificateAndKey, ...]
    """At least one; the first serves whoever asks for no name, or for one that none has."""
    trust_pem: bytes
    """Authorities whose clients are let in, each with a certificate; empty: clients need none."""


class CertificateChoice:
    """Which chain of a listener, and which of its certificates, serve a server name."""

    def __init__(self, chains: Sequence[SecureChain]) -> None:
        """Look at the certificates' names.

        Raises: ValueError if a certificate cannot be read, a chain has none, or the chains differ in what they must share.
        """
        if not chains:
            raise ValueError("a listener that speaks TLS needs a filter chain")
        shared = chains[0]
        self._names: Final[list[dict[str, int]]] = []
        """Of each chain: the names of its certificates, with the certificate's place."""
        for chain in chains:
            one, other = chain.transport, shared.transport
            if (chain.trust_pem, one.min_version, one.unproven_clients) != (
                shared.trust_pem,
                other.min_version,
                other.unproven_clients,
            ):
                raise ValueError(
                    "the filter chains of one listener differ in trust_file, min_version or unproven_clients, which are settled "
                    "before the client's server name counts; give the chains a listener each"
                )
            if not chain.certificates:
                raise ValueError("a filter chain that speaks TLS needs a certificate")
            names: dict[str, int] = {}
            for index, (pem, _) in enumerate(chain.certificates):
                for name in read_certificate(pem).names:
                    names.setdefault(name, index)
            self._names.append(names)
        self._chains: Final = ServerNames([chain.server_names for chain in chains])
        self.default: Final = self._chains.choose("")
        """The chain of a client that asks for no name; its first certificate is shown."""

    def place(self, asked: str) -> tuple[int, int]:
        """The chain and the certificate in it."""
        chain = self._chains.choose(asked)
        return chain, choose_certificate(self._names[chain], asked)


def listener_context(chains: Sequence[SecureChain]) -> ssl.SSLContext:
    """The context that the handshakes of a listener begin with; it leads to the certificates of all its chains.

    Raises: ssl.SSLError, ValueError if something cannot be loaded, or if the chains differ in what they must share.
    """
    choice = CertificateChoice(chains)
    contexts: list[list[ssl.SSLContext | None]] = []
    for chain in chains:
        own: list[ssl.SSLContext | None] = []
        for pem, key in chain.certificates:
            own.append(server_context(chain.transport, pem, key, chain.trust_pem))
        contexts.append(own)
    entry = contexts[choice.default][0]
    assert entry is not None
    # The entry owns the selector, which therefore must not own the entry: without a cycle an old context, and the key in it,
    # goes with its last connection.
    contexts[choice.default][0] = None
    entry.sni_callback = _Selector(choice, contexts).select
    return entry


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
        load_trust(context, trust_pem)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if transport.subject_alt_names:
        # `net.named_peer` looks at them; the name asked for need not be among them.
        context.check_hostname = False
    if certificate is not None:
        load_certificate(context, certificate[0], certificate[1])
    return context


def choose_certificate(names: dict[str, int], asked: str) -> int:
    """Which certificate has the name: exact before `*.`, which covers one label (RFC 9525 section 6.3); 0 if none."""
    name = asked.lower()
    found = names.get(name)
    if found is None:
        dot = name.find(".")
        found = names.get("*" + name[dot:]) if dot > 0 else None
    return 0 if found is None else found


class _Selector:
    def __init__(self, choice: CertificateChoice, contexts: list[list[ssl.SSLContext | None]]) -> None:
        """Args: contexts - of each chain's certificates; None is the entry itself."""
        self._choice: Final = choice
        self._contexts: Final = contexts

    def select(self, connection: ssl.SSLObject, asked: str | None, _entry: ssl.SSLContext) -> int | None:
        if asked:
            if isinstance(connection, ssl.SSLSocket):
                connection.server_hostname = asked
            chain, certificate = self._choice.place(asked)
            context = self._contexts[chain][certificate]
            if context is not None:
                connection.context = context
        return None


def server_context(transport: TransportConfig, chain: bytes, key: bytes, trust_pem: bytes) -> ssl.SSLContext:
    """The context of one certificate of a listener, whose clients must show a certificate of `trust_pem`, if that is not empty.

    Raises: ssl.SSLError, ValueError if something cannot be loaded.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_common(context, transport)
    if trust_pem:
        load_trust(context, trust_pem)
        context.verify_mode = ssl.CERT_REQUIRED
    load_certificate(context, chain, key)
    return context


def _set_common(context: ssl.SSLContext, transport: TransportConfig) -> None:
    context.minimum_version = _VERSIONS[transport.min_version]
    # A client that renegotiates makes us do its handshakes at will, and nobody needs it (RFC 9113 section 9.2.1).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if transport.alpn:
        context.set_alpn_protocols(list(transport.alpn))


def load_trust(context: ssl.SSLContext, trust_pem: bytes) -> None:
    """Make `context` believe the authorities of a PEM bundle.

    Raises: ssl.SSLError if one cannot be read; ValueError if there are none.
    """
    # Bundles carry comments in any encoding between the certificates; `ssl` takes ASCII only.
    context.load_verify_locations(cadata=trust_pem.decode("ascii", "ignore"))
    if not context.cert_store_stats()["x509"]:
        raise ValueError("no certificate in the trust file")
