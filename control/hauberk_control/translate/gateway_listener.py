"""The listeners of a Gateway: which of them can serve, and what is wrong with the others."""

from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.certificate import WrongSecret
from hauberk_control.translate.reference import Grants
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.errors import quote
from hauberk_core.resources import Gateway, HTTPRoute, Secret
from hauberk_core.resources.gateway_api.gateway import GatewayListener
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, SecretObjectReference

Aspect = Literal["Accepted", "Conflicted", "ResolvedRefs"]

# Listeners of one port must be told apart: by Host after HTTP, by SNI inside TLS, and TCP not at all.
_FAMILIES: Final = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}


class Trouble(NamedTuple):
    """What is wrong with a listener: the condition that tells it, the reason as Gateway API calls it, and for a person."""

    aspect: Aspect
    reason: str
    message: str
    hint: str


class ListenerState(NamedTuple):
    """A listener as it stands."""

    spec: GatewayListener
    troubles: tuple[Trouble, ...]
    takes_routes: bool
    """Whether HTTPRoutes are among the kinds that may attach."""
    certificates: tuple[tuple[str, CertificatePem], ...]
    """By the names that the snapshot has for them."""

    @property
    def serves(self) -> bool:
        """Whether the proxy can listen."""
        if any(trouble.aspect != "ResolvedRefs" for trouble in self.troubles):
            return False
        return self.spec.protocol == "HTTP" or bool(self.certificates)


def examine(gateway: Gateway, store: Store, grants: Grants, pem: Callable[[Secret], CertificatePem]) -> tuple[ListenerState, ...]:
    """Look at all listeners of a Gateway.

    Args: pem - reads a Secret as `certificate.read_pem` does, perhaps from memory; raises WrongSecret.
    """
    listeners = gateway.spec.listeners
    families: dict[int, set[str]] = {}
    for one in listeners:
        families.setdefault(one.port, set()).add(_family(one))
    hosts = Counter([(one.port, one.hostname) for one in listeners])
    states: list[ListenerState] = []
    for one in listeners:
        troubles: list[Trouble] = []
        if len(families[one.port] - {"UDP"}) > 1 and _family(one) != "UDP":
            protocols = " and ".join(sorted({other.protocol for other in listeners if other.port == one.port}))
            message = f"port {one.port} cannot speak {protocols} at once"
            troubles.append(Trouble("Conflicted", "ProtocolConflict", message, "give one of them another port"))
        elif hosts[one.port, one.hostname] > 1:
            message = f"several listeners have port {one.port} and {quote(one.hostname) if one.hostname else 'every host name'}"
            troubles.append(Trouble("Conflicted", "HostnameConflict", message, "give each a port or host name of its own"))
        trouble = _refusal(gateway, one)
        if trouble is not None:
            troubles.append(trouble)
        takes_routes = _check_kinds(one, troubles)
        certificates = _certificates(gateway, one, store, grants, pem, troubles) if one.protocol == "HTTPS" else ()
        states.append(ListenerState(one, tuple(troubles), takes_routes, certificates))
    return tuple(states)


def _family(listener: GatewayListener) -> str:
    return _FAMILIES.get(listener.protocol, listener.protocol)


def _refusal(gateway: Gateway, listener: GatewayListener) -> Trouble | None:
    if listener.protocol not in ("HTTP", "HTTPS"):
        message = f"the protocol {listener.protocol} is not served here"
        return Trouble("Accepted", "UnsupportedProtocol", message, "write HTTP or HTTPS")
    frontend = gateway.spec.tls.frontend if gateway.spec.tls else None
    if frontend is not None and listener.protocol == "HTTPS":
        own = next((one.tls for one in frontend.per_port if one.port == listener.port), frontend.default)
        if own.validation is not None:
            message = "clients' certificates are not checked here yet, and must not go unchecked"
            return Trouble("Accepted", "UnsupportedValue", message, "remove spec.tls.frontend's validation for this port")
    return None


def _check_kinds(listener: GatewayListener, troubles: list[Trouble]) -> bool:
    kinds = listener.allowed_routes.kinds
    known = [kind for kind in kinds if (kind.group, kind.kind) == (GATEWAY_GROUP, HTTPRoute.KIND)]
    if len(known) != len(kinds):
        unknown = next(kind.kind for kind in kinds if kind not in known)
        message = f"routes of the kind {quote(unknown)} are not known here"
        troubles.append(Trouble("ResolvedRefs", "InvalidRouteKinds", message, "allow HTTPRoute, or leave kinds out"))
    return listener.protocol in ("HTTP", "HTTPS") and (bool(known) or not kinds)


def _certificates(
    gateway: Gateway,
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
        trouble, certificate = _certificate(gateway, reference, store, grants, pem)
        if trouble is not None:
            troubles.append(trouble)
        if certificate is not None:
            found.append(certificate)
    return tuple(found)


def _certificate(
    gateway: Gateway,
    reference: SecretObjectReference,
    store: Store,
    grants: Grants,
    pem: Callable[[Secret], CertificatePem],
) -> tuple[Trouble | None, tuple[str, CertificatePem] | None]:
    own = gateway.metadata.namespace
    namespace = reference.namespace or own
    name = f"{namespace}/{reference.name}"
    if (reference.group, reference.kind) != (Secret.GROUP, Secret.KIND):
        message = f"{reference.kind} {name} is no Secret"
        return Trouble("ResolvedRefs", "InvalidCertificateRef", message, "refer to a Secret of the type kubernetes.io/tls"), None
    if not grants.allow((gateway.GROUP, gateway.KIND, own), (Secret.GROUP, Secret.KIND, namespace), reference.name):
        message = f"the namespace {quote(namespace)} does not let Gateways of {quote(own)} refer to its Secret {reference.name}"
        return Trouble("ResolvedRefs", "RefNotPermitted", message, f"add a ReferenceGrant in {namespace}"), None
    secret = store.get(Secret, namespace, reference.name)
    if secret is None:
        message = f"there is no Secret {name}"
        return Trouble("ResolvedRefs", "InvalidCertificateRef", message, "correct the name, or add the Secret"), None
    try:
        return None, (name, pem(secret))
    except WrongSecret as error:
        message = f"the Secret {name} is no use: {error}"
        return Trouble("ResolvedRefs", "InvalidCertificateRef", message, "put a PEM certificate and its PEM key into it"), None
