"""Who a peer is by its certificate, and whether it may be talked to.

OpenSSL has verified the chain before anything here is asked. What remains is SPIFFE's part (X509-SVID section 5): the certificate
is a workload's and not an authority's, it has exactly one URI for a name, and that name is one of those expected. Names of hosts
play no part.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.identity import SpiffeError, SpiffeUri, parse_uri
from hauberk_core.net.x509 import first_certificate, read_peer

# Identities named in a refusal, which is for a person to read.
_MOST_NAMED: Final = 3


@mypyc_attr(native_class=False)
class IdentityRefused(OSError):
    """The certificate is believed, but it is not the certificate of anybody who is expected."""


def own_identity(chain_pem: bytes) -> SpiffeUri:
    """The identity of our own certificate. Raises: ValueError, with a sentence for a person, if it has none."""
    try:
        return _identity(first_certificate(chain_pem))
    except ValueError as error:
        raise ValueError(f"the proxy's own certificate: {error}") from error


class ExpectedPeers:
    """Those who may be at the other end."""

    __slots__ = ("_identities", "_trust_domain")

    def __init__(self, trust_domain: str, identities: tuple[str, ...]) -> None:
        """Args: identities - the SPIFFE IDs expected; empty: whoever belongs to `trust_domain`."""
        self._trust_domain: Final = trust_domain
        self._identities: Final = frozenset(identities)

    def identify(self, certificate: bytes) -> str:
        """The SPIFFE ID in the peer's certificate (DER).

        Raises: IdentityRefused if it has none, or not one that is expected.
        """
        try:
            identity = _identity(certificate)
        except ValueError as error:
            raise IdentityRefused(f"the peer's certificate: {error}") from error
        text = str(identity)
        if not self.includes(text):
            raise IdentityRefused(f"the peer is {text}, where {self._description()} is expected")
        return text

    def includes(self, identity: str) -> bool:
        """Whether the SPIFFE ID is one of those expected."""
        if self._identities:
            return identity in self._identities
        return identity.startswith(f"spiffe://{self._trust_domain}/")

    def _description(self) -> str:
        if not self._identities:
            return f"a workload of {self._trust_domain}"
        named = sorted(self._identities)
        more = f" or {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return " or ".join(named[:_MOST_NAMED]) + more


def _identity(certificate: bytes) -> SpiffeUri:
    """The identity in a workload's certificate. Raises: ValueError."""
    facts = read_peer(certificate)
    if facts.is_authority:
        raise ValueError("it is an authority's, where a workload's belongs")
    if len(facts.uris) != 1:
        raise ValueError(f"it has {len(facts.uris)} URIs for names, where exactly one SPIFFE ID belongs")
    uri = parse_uri(facts.uris[0])
    if not uri.path:
        raise SpiffeError(f"{uri} names a trust domain, not a workload")
    return uri
