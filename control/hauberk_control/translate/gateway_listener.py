"""The listeners of a Gateway: which of them can serve, and what is wrong with the others."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.certificate import Unfound, find_certificate
from hauberk_control.translate.frontend_tls import Validation, frontend_validation
from hauberk_control.translate.reference import Grants
from hauberk_control.translate.trouble import Trouble
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.errors import quote
from hauberk_core.resources import Gateway, HTTPRoute, ListenerSet, Secret
from hauberk_core.resources.gateway_api.gateway import GatewayListener
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP

# Listeners of one port must be told apart: by Host after HTTP, by SNI inside TLS, and TCP not at all.
_FAMILIES: Final = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}


Owner = Gateway | ListenerSet


class ListenerState(NamedTuple):
    """A listener as it stands."""

    owner: Owner
    position: int
    """Among its owner's."""
    spec: GatewayListener
    troubles: tuple[Trouble, ...]
    takes_routes: bool
    """Whether HTTPRoutes are among the kinds that may attach."""
    certificates: tuple[tuple[str, CertificatePem], ...]
    """By the names that the snapshot has for them."""
    client_authorities: str = ""
    """PEM of those whose clients are let in; empty: everybody is."""

    @property
    def serves(self) -> bool:
        """Whether the proxy can listen."""
        if any(trouble.aspect != "ResolvedRefs" for trouble in self.troubles):
            return False
        return self.spec.protocol == "HTTP" or bool(self.certificates)

    @property
    def name(self) -> str:
        """Its own among all listeners of the Gateway, those of sets included."""
        metadata = self.owner.metadata
        return self.spec.name if isinstance(self.owner, Gateway) else f"{metadata.namespace}/{metadata.name}/{self.spec.name}"


class _Taken:
    """The ports that listeners have taken, in the order of their precedence."""

    def __init__(self) -> None:
        self._families: Final[dict[int, str]] = {}
        self._hosts: Final[set[tuple[int, str | None]]] = set()

    def take(self, one: GatewayListener) -> Trouble | None:
        """Give a listener its port, or say who has it."""
        family = _family(one)
        if family != "UDP" and self._families.setdefault(one.port, family) != family:
            message = f"a listener that goes before this one makes port {one.port} speak another protocol"
            return Trouble("Conflicted", "ProtocolConflict", message, "choose another port, or the same protocol")
        if (one.port, one.hostname) in self._hosts:
            message = f"a listener that goes before this one has port {one.port} and {_shown(one.hostname)}"
            return Trouble("Conflicted", "HostnameConflict", message, "choose another port or host name")
        self._hosts.add((one.port, one.hostname))
        return None


def examine(
    gateway: Gateway,
    sets: Sequence[ListenerSet],
    store: Store,
    grants: Grants,
    pem: Callable[[Secret], CertificatePem],
) -> tuple[ListenerState, ...]:
    """Look at all listeners of a Gateway, then at those of its sets.

    The Gateway's own serve neither where two of them conflict; of others the one that goes first serves.

    Args: sets - the first goes before the others; pem - reads a Secret as `certificate.read_pem` does, perhaps from memory;
        raises WrongSecret.
    """
    own = gateway.spec.listeners
    taken = _Taken()
    for one in own:
        taken.take(one)
    owned: list[tuple[Owner, int, GatewayListener, Trouble | None]] = [
        (gateway, index, one, conflict) for index, (one, conflict) in enumerate(zip(own, _conflicts(own), strict=True))
    ]
    for several in sets:
        owned += [(several, index, one, taken.take(one)) for index, one in enumerate(several.spec.listeners)]
    validations: dict[int, Validation] = {}
    states: list[ListenerState] = []
    for owner, index, one, conflict in owned:
        troubles: list[Trouble] = [conflict] if conflict is not None else []
        if one.protocol not in ("HTTP", "HTTPS"):
            message = f"the protocol {one.protocol} is not served here"
            troubles.append(Trouble("Accepted", "UnsupportedProtocol", message, "write HTTP or HTTPS"))
        takes_routes = _check_kinds(one, troubles)
        certificates: tuple[tuple[str, CertificatePem], ...] = ()
        authorities = ""
        if one.protocol == "HTTPS":
            certificates = _certificates(owner, one, store, grants, pem, troubles)
            if one.port not in validations:
                validations[one.port] = frontend_validation(gateway, one.port, store, grants)
            authorities = validations[one.port].authorities
            troubles += validations[one.port].troubles
        states.append(ListenerState(owner, index, one, tuple(troubles), takes_routes, certificates, authorities))
    return tuple(states)


def _conflicts(listeners: Sequence[GatewayListener]) -> list[Trouble | None]:
    """What is in the way of each of a Gateway's own listeners."""
    families: dict[int, set[str]] = {}
    for one in listeners:
        families.setdefault(one.port, set()).add(_family(one))
    hosts = Counter([(one.port, one.hostname) for one in listeners])
    found: list[Trouble | None] = []
    for one in listeners:
        trouble: Trouble | None = None
        if len(families[one.port] - {"UDP"}) > 1 and _family(one) != "UDP":
            protocols = " and ".join(sorted({other.protocol for other in listeners if other.port == one.port}))
            message = f"port {one.port} cannot speak {protocols} at once"
            trouble = Trouble("Conflicted", "ProtocolConflict", message, "give one of them another port")
        elif hosts[one.port, one.hostname] > 1:
            message = f"several listeners have port {one.port} and {_shown(one.hostname)}"
            trouble = Trouble("Conflicted", "HostnameConflict", message, "give each a port or host name of its own")
        found.append(trouble)
    return found


def _shown(hostname: str | None) -> str:
    return quote(hostname) if hostname else "every host name"


def _family(listener: GatewayListener) -> str:
    return _FAMILIES.get(listener.protocol, listener.protocol)


def _check_kinds(listener: GatewayListener, troubles: list[Trouble]) -> bool:
    kinds = listener.allowed_routes.kinds
    known = [kind for kind in kinds if (kind.group, kind.kind) == (GATEWAY_GROUP, HTTPRoute.KIND)]
    if len(known) != len(kinds):
        unknown = next(kind.kind for kind in kinds if kind not in known)
        message = f"routes of the kind {quote(unknown)} are not known here"
        troubles.append(Trouble("ResolvedRefs", "InvalidRouteKinds", message, "allow HTTPRoute, or leave kinds out"))
    return listener.protocol in ("HTTP", "HTTPS") and (bool(known) or not kinds)


def _certificates(
    owner: Owner,
    listener: GatewayListener,
    store: Store,
    grants: Grants,
    pem: Callable[[Secret], CertificatePem],
    troubles: list[Trouble],
) -> tuple[tuple[str, CertificatePem], ...]:
    """The certificates that could be found; what is wrong with others goes to `troubles`."""
    found: list[tuple[str, CertificatePem]] = []
    references = listener.tls.certificate_refs if listener.tls else ()
    if not references:
        message = "an HTTPS listener needs a certificate"
        hint = "add tls.certificateRefs that name a Secret of the type kubernetes.io/tls"
        troubles.append(Trouble("ResolvedRefs", "InvalidCertificateRef", message, hint))
    for reference in references:
        certificate = find_certificate(owner, reference, store, grants, pem)
        if isinstance(certificate, Unfound):
            reason = "InvalidCertificateRef" if certificate.permitted else "RefNotPermitted"
            troubles.append(Trouble("ResolvedRefs", reason, certificate.message, certificate.hint))
        else:
            found.append((certificate.name, certificate.pem))
    return tuple(found)
