"""TLS of control's own servers: their certificate comes from the authority they serve, and follows its rotation.

gRPC either requires a client certificate of everybody or asks nobody for one. So there are two servers on two ports: at the one
only workloads with a certificate of this mesh get through the handshake; at the other, for those that join, nobody shows one, and
nothing is served but `CreateCertificate`, which then wants a token.
"""

import datetime as dt
import threading
from collections.abc import Sequence
from typing import Final

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.errors import AuthorityError
from hauberk_core.agent.identity.wire_names import CONTROL_NAME
from hauberk_core.agent.logs import LOG


class _OwnCertificate:
    """Control's certificate with its key, made anew when half its life is over or the authority's roots have changed."""

    def __init__(self, authority: Authority, names: Sequence[str]) -> None:
        self._authority: Final = authority
        self._names: Final = tuple(names)
        self._lock: Final = threading.Lock()
        self._trust = b""
        self._renew_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self.latest: Final = self.next()

    def next(self) -> object | None:
        """What gRPC is to present from the next handshake on; None where nothing has changed.

        Raises: AuthorityError.
        """
        with self._lock:
            now = self._authority.now()
            trust = self._authority.trust_pem()
            if now < self._renew_at and trust == self._trust:
                return None
            key = ec.generate_private_key(ec.SECP256R1())
            issued = self._authority.sign_server(key.public_key(), self._names, self._authority.longest_validity)
            key_pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self._trust = trust
            self._renew_at = now + (issued.not_after - now) / 2
            configuration: object = grpc.ssl_server_certificate_configuration([(key_pem, "".join(issued.chain).encode())], trust)
            return configuration


def server_credentials(authority: Authority, addresses: Sequence[str], *, require_certificate: bool) -> grpc.ServerCredentials:
    """Credentials for a gRPC server of control.

    Its certificate names `control.hauberk` and `addresses`, and is looked after at each handshake.

    Args: addresses - IP addresses and DNS names by which the server is dialled; require_certificate - let nobody through the
    handshake who presents no certificate that leads to the authority's roots.
    Raises: AuthorityError if the authority cannot sign.
    """
    own = _OwnCertificate(authority, (CONTROL_NAME, *addresses))

    def fetch() -> object | None:
        try:
            return own.next()
        except AuthorityError as error:
            LOG.error("control's own certificate is not renewed: %s", error)
            return None

    return grpc.dynamic_ssl_server_credentials(own.latest, fetch, require_certificate)
