"""Every connection that is refused is counted under its kind, and logged at the bounded rate of a plugin's log."""

from typing import Final

from hauberk_core.net.detect import PlaintextRefused
from hauberk_core.net.tls_failure import CertificateRefused
from hauberk_core.plugin.services import Counter, PluginLog, Services
from hauberk_mtls.peer import IdentityRefused

# Names of the plugin's counters.
PLAINTEXT: Final = "refused_plaintext"
CERTIFICATE: Final = "refused_certificate"
IDENTITY: Final = "refused_identity"
OTHER: Final = "failed_handshake"


class Refusals:
    """Notes the handshakes that failed on one side, whichever end it was that refused."""

    __slots__ = ("_certificate", "_identity", "_log", "_other", "_plaintext")

    def __init__(self, services: Services) -> None:
        self._log: Final[PluginLog] = services.log()
        self._plaintext: Final[Counter] = services.counter(PLAINTEXT)
        self._certificate: Final[Counter] = services.counter(CERTIFICATE)
        self._identity: Final[Counter] = services.counter(IDENTITY)
        self._other: Final[Counter] = services.counter(OTHER)

    def note(self, peer: str, is_client: bool, error: OSError) -> None:
        """A handshake with `peer` (`host:port`) failed. Args: is_client - whether we called."""
        if isinstance(error, PlaintextRefused):
            self._plaintext.add()
        elif isinstance(error, IdentityRefused):
            self._identity.add()
        elif isinstance(error, CertificateRefused):
            self._certificate.add()
        else:
            self._other.add()
        self._log.warning(("no connection to " if is_client else "no connection from ") + peer + ": " + str(error))
