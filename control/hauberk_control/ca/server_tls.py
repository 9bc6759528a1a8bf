"""TLS of control's own servers: their certificate comes from the authority they serve, and follows its rotation.

gRPC either requires a client certificate of everybody or asks nobody for one. So there are two servers on two ports: at the one
only workloads with a certificate of this mesh get through the handshake; at the other, for those that join, nobody shows one, and
nothing is served but `CreateCertificate`, which then wants a token.
"""

from collections.abc import Sequence

import grpc

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.own_certificate import OwnCertificate, Presented
from hauberk_core.agent.identity.wire_names import CONTROL_NAME
from hauberk_core.agent.logs import LOG


def server_credentials(authority: Authority, addresses: Sequence[str], *, require_certificate: bool) -> grpc.ServerCredentials:
    """Credentials for a gRPC server of control.

    Its certificate names `control.hauberk` and `addresses`, and is looked after at each handshake.

    Args: addresses - IP addresses and DNS names by which the server is dialled; require_certificate - let nobody through the
    handshake who presents no certificate that leads to the authority's roots.
    Raises: AuthorityError if the authority cannot sign.
    """
    own = OwnCertificate(authority, (CONTROL_NAME, *addresses))
    first = _configuration(own.next())

    def fetch() -> object | None:
        try:
            return _configuration(own.next())
        except AuthorityError as error:
            LOG.error("control's own certificate is not renewed: %s", error)
            return None

    return grpc.dynamic_ssl_server_credentials(first, fetch, require_certificate)


def _configuration(presented: Presented | None) -> object | None:
    if presented is None:
        return None
    configuration: object = grpc.ssl_server_certificate_configuration([(presented.key, presented.chain)], presented.trust)
    return configuration
