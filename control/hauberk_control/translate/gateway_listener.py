"""The listeners of a Gateway: which of them can serve, and what is wrong with the others."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.authorities import Bundles
from hauberk_control.translate.certificate import Found, Held, Unfound, find_certificate
from hauberk_control.translate.frontend_tls import Validation, frontend_validation
from hauberk_control.translate.manual_gateways import Surroundings
from hauberk_control.translate.reference import Grants
from hauberk_control.translate.route_kinds import route_kinds, served_protocols
from hauberk_control.translate.trouble import Trouble
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.errors import quote
from hauberk_core.resources import Gateway, ListenerSet, Secret, Service
from hauberk_core.resources.gateway_api.gateway import GatewayListener
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP

# Listeners of one port must be told apart: by Host after HTTP, by SNI inside TLS, and TCP not at all.
_FAMILIES: Final = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}

MOST_LISTENERS: Final = 512
"""Of one Gateway, with those of its ListenerSets: each is a chain of filters, and perhaps a socket, in every worker. Whoever may
make objects must not be able to make proxies work without end."""

Owner = Gateway | ListenerSet
Port = tuple[int, Literal["TCP", "UDP"]]
"""Its number, and whose port it is: TCP and UDP have ports of their own each."""


class ListenerState(NamedTuple):
    """A listener as it stands."""

    owner: Owner
    position: int
    """Among its owner's."""
    spec: GatewayListener
    troubles: tuple[Trouble, ...]
    kinds: tuple[str, ...]
    """Of routes that may attach."""
    certificates: tuple[tuple[str, CertificatePem], ...]
    """By the names that the snapshot has for them."""
    clients: Validation = Validation()
    """What its clients must show."""

    prefix: str = ""
    """What tells it from those of other Gateways, where one proxy serves several."""

    @property
    def serves(self) -> bool:
        """Whether the proxy can listen."""
        if any(trouble.aspect != "ResolvedRefs" for trouble in self.troubles):
            return False
        return not ends_tls(self.spec) or bool(self.certificates)

    @property
    def name(self) -> str:
        """Its own among all listeners of the Gateway, those of sets included."""
        metadata = self.owner.metadata
        own = self.spec.name if isinstance(self.owner, Gateway) else f"{metadata.namespace}/{metadata.name}/{self.spec.name}"
        return self.prefix + own


class _Taken:
    """The ports that listeners have taken, in the order of their precedence."""

    def __init__(self) -> None:
        self._families: Final[dict[Port, str]] = {}
        self._hosts: Final[set[tuple[Port, str | None]]] = set()

    def take(self, one: GatewayListener) -> Trouble | None:
        """Give a listener its port, or say who has it."""
        port = port_of(one)
        if self._families.setdefault(port, _family(one)) != _family(one):
            message = f"a listener that goes before this one makes port {one.port} speak another protocol"
            return Trouble("Conflicted", "ProtocolConflict", message, "choose another port, or the same protocol")
        if (port, one.hostname) in self._hosts:
            message = f"a listener that goes before this one has port {one.port} and {_shown(one.hostname)}"
            return Trouble("Conflicted", "HostnameConflict", message, "choose another port or host name")
        self._hosts.add((port, one.hostname))
        return None


def examine(
    gateway: Gateway,
    sets: Sequence[ListenerSet],
    store: Store,
    grants: Grants,
    bundles: Bundles,
    read: Callable[[Secret], Held],
    around: Surroundings = Surroundings(),  # noqa: B008 - immutable
) -> tuple[ListenerState, ...]:
    """Look at all listeners of a Gateway, then at those of its sets.

    The Gateway's own serve neither where two of them conflict; of others the one that goes first serves.

    Args: sets - the first goes before the others; bundles - of authorities; read - reads a Secret as `certificate.hold` does,
        with what it gave before; around - other Gateways that the same pods serve.
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
        outside = conflict or _conflict_around(one, around)
        troubles: list[Trouble] = [outside] if outside is not None else []
        if not route_kinds(one.protocol):
            message = f"the protocol {one.protocol} is not served here"
            troubles.append(Trouble("Accepted", "UnsupportedProtocol", message, f"write {' or '.join(served_protocols())}"))
        if len(states) >= MOST_LISTENERS:
            message = f"the Gateway and its ListenerSets have more than {MOST_LISTENERS} listeners"
            troubles.append(Trouble("Accepted", "TooManyListeners", message, "divide them among several Gateways"))
        kinds = _kinds(one, troubles)
        certificates: tuple[tuple[str, CertificatePem], ...] = ()
        clients = Validation()
        if ends_tls(one):
            certificates = _certificates(owner, one, store, grants, read, troubles)
            # Also of what is not HTTPS: whoever asks a port's clients to prove who they are means all of them.
            if one.port not in validations:
                validations[one.port] = frontend_validation(gateway, one.port, bundles)
            clients = validations[one.port]
            troubles += clients.troubles
        states.append(ListenerState(owner, index, one, tuple(troubles), kinds, certificates, clients))
    return tuple(states)


def _conflicts(listeners: Sequence[GatewayListener]) -> list[Trouble | None]:
    """What is in the way of each of a Gateway's own listeners."""
    families: dict[Port, set[str]] = {}
    for one in listeners:
        families.setdefault(port_of(one), set()).add(_family(one))
    hosts = Counter([(port_of(one), one.hostname) for one in listeners])
    found: list[Trouble | None] = []
    for one in listeners:
        trouble: Trouble | None = None
        if len(families[port_of(one)]) > 1:
            protocols = " and ".join(sorted({other.protocol for other in listeners if port_of(other) == port_of(one)}))
            message = f"port {one.port} cannot speak {protocols} at once"
            trouble = Trouble("Conflicted", "ProtocolConflict", message, "give one of them another port")
        elif hosts[port_of(one), one.hostname] > 1:
            message = f"several listeners have port {one.port} and {_shown(one.hostname)}"
            trouble = Trouble("Conflicted", "HostnameConflict", message, "give each a port or host name of its own")
        found.append(trouble)
    return found


def _conflict_around(one: GatewayListener, around: Surroundings) -> Trouble | None:
    """What keeps a listener from its port, of a Gateway that pods of somebody's own serve."""
    if around.refused and not around.services:
        namespace, name = around.refused[0]
        message = f"the namespace {quote(namespace)} does not let Gateways of other namespaces be served by its Service {name}"
        return Trouble("Accepted", "RefNotPermitted", message, f"add a ReferenceGrant in {namespace}")
    if around.services and not any(_has_port(service, one) for service in around.services):
        names = " and ".join([f"{service.metadata.namespace}/{service.metadata.name}" for service in around.services])
        message = f"the Service {names}, which leads to this Gateway, has no port {one.port}"
        return Trouble("Accepted", "PortUnavailable", message, "add the port to the Service, or listen on one that it has")
    for gateway in around.before:
        place = f"the Gateway {gateway.metadata.namespace}/{gateway.metadata.name}, which is older and served by the same pods,"
        for theirs in [theirs for theirs in gateway.spec.listeners if port_of(theirs) == port_of(one)]:
            if _family(theirs) != _family(one):
                message = f"{place} makes port {one.port} speak another protocol"
                return Trouble("Conflicted", "ProtocolConflict", message, "choose another port, or the same protocol")
            if _family(one) != "HTTP" and theirs.hostname == one.hostname:
                message = f"{place} has port {one.port} and {_shown(one.hostname)}"
                return Trouble("Conflicted", "HostnameConflict", message, "choose another port or host name")
    return None


def _shown(hostname: str | None) -> str:
    return quote(hostname) if hostname else "every host name"


def _has_port(service: Service, listener: GatewayListener) -> bool:
    number, protocol = port_of(listener)
    port = service.port(number, protocol)
    return port is not None and port.protocol == protocol


def _family(listener: GatewayListener) -> str:
    return _FAMILIES.get(listener.protocol, listener.protocol)


def port_of(listener: GatewayListener) -> Port:
    """What a listener listens on."""
    return listener.port, "UDP" if listener.protocol == "UDP" else "TCP"


def ends_tls(listener: GatewayListener) -> bool:
    """Whether a listener's clients speak TLS with the proxy."""
    return listener.protocol == "HTTPS" or (
        listener.protocol == "TLS" and (listener.tls is None or listener.tls.mode == "Terminate")
    )


def _kinds(listener: GatewayListener, troubles: list[Trouble]) -> tuple[str, ...]:
    """The kinds of routes that the listener takes; what it says of others goes to `troubles`."""
    possible = route_kinds(listener.protocol)
    allowed = listener.allowed_routes.kinds
    if not allowed:
        return possible
    if listener.protocol == "TLS" and ends_tls(listener):
        # What was inside TLS are octets like others. Gateway API leaves it open, so that it must be asked for.
        possible += route_kinds("TCP")
    known = [kind.kind for kind in allowed if kind.group == GATEWAY_GROUP and kind.kind in possible]
    if len(known) != len(allowed):
        unknown = next(kind.kind for kind in allowed if kind.group != GATEWAY_GROUP or kind.kind not in possible)
        message = f"routes of the kind {quote(unknown)} cannot be taken by a listener of the protocol {listener.protocol} here"
        hint = f"allow {' or '.join(possible)}, or leave kinds out" if possible else "choose another protocol"
        troubles.append(Trouble("ResolvedRefs", "InvalidRouteKinds", message, hint))
    return tuple(dict.fromkeys(known))


def _certificates(
    owner: Owner,
    listener: GatewayListener,
    store: Store,
    grants: Grants,
    read: Callable[[Secret], Held],
    troubles: list[Trouble],
) -> tuple[tuple[str, CertificatePem], ...]:
    """The certificates that could be found; what is wrong with others goes to `troubles`."""
    found: list[tuple[str, CertificatePem]] = []
    references = listener.tls.certificate_refs if listener.tls else ()
    if not references:
        message = f"a listener of the protocol {listener.protocol} that ends TLS needs a certificate"
        hint = "add tls.certificateRefs that name a Secret of the type kubernetes.io/tls"
        troubles.append(Trouble("ResolvedRefs", "InvalidCertificateRef", message, hint))
    for reference in references:
        certificate = find_certificate(owner, reference, store, grants, read)
        trouble = certificate if isinstance(certificate, Unfound) else certificate.trouble
        if trouble is not None:
            reason = "InvalidCertificateRef" if trouble.permitted else "RefNotPermitted"
            troubles.append(Trouble("ResolvedRefs", reason, trouble.message, trouble.hint))
        if isinstance(certificate, Found):
            found.append((certificate.name, certificate.pem))
    return tuple(found)
