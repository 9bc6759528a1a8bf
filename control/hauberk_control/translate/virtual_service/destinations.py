"""What destinations lead to: ports of services, and subsets of their endpoints."""

from collections.abc import Sequence
from typing import NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.backend import Unresolved
from hauberk_control.translate.backend_tls import BackendTlsPolicies
from hauberk_control.translate.destination_rule import DNS_DOMAIN, full_name
from hauberk_control.translate.service import INSIDE_TLS, other_protocol
from hauberk_core.model.errors import quote
from hauberk_core.resources import Service
from hauberk_core.resources.istio.virtual_service import Destination
from hauberk_core.resources.kubernetes.service import ServicePort


class Target(NamedTuple):
    """A port of a service, or of one of its subsets."""

    service: Service
    port: ServicePort
    subset: str
    """Empty: all of its endpoints."""


class Places:
    """Where destinations of a store lead."""

    def __init__(self, store: Store, backend_tls: BackendTlsPolicies) -> None:
        self._store = store
        self._backend_tls = backend_tls

    def service(self, host: str, namespace: str) -> Service | None:
        """The service of this name. Args: namespace - of the object that names it."""
        name, _, rest = full_name(host, namespace).partition(".")
        own, _, domain = rest.partition(".")
        return self._store.service(own, name) if domain == f"svc.{DNS_DOMAIN}" else None

    def resolve(
        self, destination: Destination, namespace: str, asked: ServicePort | None, *, requests: bool
    ) -> Target | Unresolved:
        """Look up a destination.

        Args: namespace - of the object that names it; asked - the port that is called, None: it is not known, and where the
            destination leaves it to that, the first one stands for it; requests - whether they are what is sent, or octets.
        """
        service = self.service(destination.host, namespace)
        if service is None:
            message = f"there is no Service called {quote(full_name(destination.host, namespace))}"
            return Unresolved("BackendNotFound", message, "correct the name, or add it")
        name = f"{service.metadata.namespace}/{service.metadata.name}"
        if service.spec.type == "ExternalName":
            return Unresolved("BackendNotFound", f"the Service {name} is only a name", "give it endpoints")
        port = _port(service, destination, asked)
        if port is None:
            known = ", ".join([str(own.port) for own in service.spec.ports]) or "none"
            wanted = destination.port.number if destination.port is not None else asked.port if asked is not None else 0
            return Unresolved(
                "BackendNotFound", f"the Service {name} has no port {wanted}", f"write port.number, one of its ports: {known}"
            )
        is_told = destination.port is not None or asked is not None or len(service.spec.ports) == 1
        protocol = other_protocol(port) if requests and is_told else ""
        if protocol and not (protocol in INSIDE_TLS and self._backend_tls.find(service, port) is not None):
            message = f"port {port.port} of the Service {name} speaks {protocol}, and requests go only to HTTP"
            return Unresolved("UnsupportedProtocol", message, "name a port that speaks http")
        return Target(service, port, destination.subset or "")


def _port(service: Service, destination: Destination, asked: ServicePort | None) -> ServicePort | None:
    ports: Sequence[ServicePort] = service.spec.ports
    if destination.port is not None:
        return service.port(destination.port.number)
    if len(ports) == 1 or asked is None:
        return ports[0] if ports else None
    return service.port(asked.port)
