"""OpenSSL contexts of connections between proxies.

Both ends show a certificate and verify the other's against the mesh's authorities; TLS 1.3 and nothing older. Host names are not
checked: a workload is known by its SPIFFE ID, wherever it runs.

Protocols are announced twice, for example as `hauberk-http/1.1` and as `http/1.1`. The first says that a proxy of this mesh
calls, not an application that speaks TLS of its own; the second is for proxies of other kinds that hold an identity of the mesh.

A certificate that is renewed comes as a new context: what an old one has begun goes on with it.
"""

import ssl
from typing import Final

from hauberk_core.net.pem import load_certificate
from hauberk_core.net.tls_context import load_trust
from hauberk_core.plugin.identity import Identity

ALPN_PREFIX: Final = "hauberk-"
OWN_PROTOCOLS: Final = (ALPN_PREFIX.encode(), b"istio")
"""What the names of protocols begin with that only proxies offer: ours, and Istio's."""


def server_context(identity: Identity, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """For connections that are accepted. Raises: ssl.SSLError, ValueError if something cannot be loaded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A ticket would outlive the certificate that it was given for. Proxies keep their connections and need none.
    context.num_tickets = 0
    return _prepare(context, identity, protocols)


def client_context(identity: Identity, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """For connections that are made. Raises: ssl.SSLError, ValueError if something cannot be loaded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _prepare(context, identity, protocols)


def _prepare(context: ssl.SSLContext, identity: Identity, protocols: tuple[str, ...]) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    load_trust(context, identity.trust_pem)
    load_certificate(context, identity.chain_pem, identity.key_pem)
    context.set_alpn_protocols([ALPN_PREFIX + protocol for protocol in protocols] + list(protocols))
    return context
