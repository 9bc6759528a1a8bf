"""Listeners inside TLS that a client could take for each other: by their host names, or by what their certificates are good for.

A client may send requests for every host that a certificate covers over one connection (RFC 9113 section 9.1.1), and so to a
listener that it did not mean. Source: Gateway API, GEP-3567.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from hauberk_control.status.conditions import joined
from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.hostnames import covers
from hauberk_core.net.x509 import read_certificate


class Overlap(NamedTuple):
    """With whom, and by what."""

    reason: str
    message: str


class Overlaps:
    """The listeners of one Gateway, looked at together."""

    def __init__(self, states: Sequence[ListenerState]) -> None:
        self._inside_tls: Final = [state for state in states if state.spec.protocol == "HTTPS"]
        # Read once each: a Gateway may have hundreds.
        self._names: Final = {state.name: _certified(state) for state in self._inside_tls}

    def of(self, state: ListenerState) -> Overlap | None:
        """What overlaps with one; None: nothing. What belongs to others is not named."""
        own = state.spec
        if own.protocol != "HTTPS":
            return None
        near = [one for one in self._inside_tls if one is not state and one.spec.port == own.port]
        names = self._names[state.name]
        by_certificate = [one for one in near if _certify(names, one) or _certify(self._names[one.name], state)]
        if by_certificate:
            return Overlap("OverlappingCertificates", f"certificates are good for hosts of {_shown(by_certificate, state)}")
        by_host = [
            one
            for one in near
            if covers(own.hostname, one.spec.hostname or "*") or covers(one.spec.hostname, own.hostname or "*")
        ]
        if by_host:
            return Overlap("OverlappingHostnames", f"host names overlap with those of {_shown(by_host, state)}")
        return None


def _certified(state: ListenerState) -> frozenset[str]:
    """The names in a listener's certificates, which were readable when they were found."""
    return frozenset([name for _, pem in state.certificates for name in read_certificate(pem.chain).names])


def _certify(names: frozenset[str], other: ListenerState) -> bool:
    """Whether a certificate with these names is good for what a listener is there for.

    As clients read certificates, where a wildcard stands for one label (RFC 6125 section 6.4.3).
    """
    host = other.spec.hostname
    return host is not None and (host in names or "*" + host[host.find(".") :] in names)


def _shown(several: Sequence[ListenerState], state: ListenerState) -> str:
    names = [one.spec.name if one.owner is state.owner else "listeners of another object" for one in several]
    return joined(list(dict.fromkeys(names)), ", ")
