"""Registers the data half of mTLS: the entry point `mtls` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Identity, Security, Services, TransportConfig, hookimpl
from hauberk_mtls.data import make_security

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_transport(config: TransportConfig, identity: Identity, services: Services) -> Security | None:
    """The security of a listener or cluster of the mesh. Raises: ValueError, ssl.SSLError for material that cannot be used."""
    return make_security(config, identity, services)
