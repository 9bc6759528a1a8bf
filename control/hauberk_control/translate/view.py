"""A store as translation looks at it: who refers to whom, and what follows from it whichever proxy asks."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from hauberk_control.store import ObjectKey, Place, Store, key_of
from hauberk_control.translate.address_owners import address_owners
from hauberk_control.translate.attachment import Attachment, attach
from hauberk_control.translate.authorities import Bundles
from hauberk_control.translate.backend import Backend, Unresolved, resolve
from hauberk_control.translate.backend_tls import BackendTlsPolicies
from hauberk_control.translate.bound_routes import BoundRoutes
from hauberk_control.translate.certificate import Found, Held, Unfound, find_certificate, hold
from hauberk_control.translate.default_gateways import DefaultGateways
from hauberk_control.translate.destination_rule import Caller, Rules
from hauberk_control.translate.endpoints import Endpoints, Reached
from hauberk_control.translate.finding import Finding, findings, locate
from hauberk_control.translate.gateway_listener import ListenerState, Owner, examine
from hauberk_control.translate.listener_sets import ListenerSets, gateway_name
from hauberk_control.translate.localities import Localities
from hauberk_control.translate.localities import Place as ProxyPlace
from hauberk_control.translate.manual_gateways import ManualGateways
from hauberk_control.translate.memory import Memory
from hauberk_control.translate.mesh_config import mesh_settings
from hauberk_control.translate.plugin_policy import PluginPolicies, ReadPolicy, read_nothing
from hauberk_control.translate.reference import Grants
from hauberk_control.translate.route_conflicts import conflicts, without
from hauberk_control.translate.route_kinds import REQUEST_ROUTES, ROUTE_KINDS, RequestRoute
from hauberk_control.translate.route_plan import RoutePlan, plan_route
from hauberk_control.translate.security import Policies
from hauberk_control.translate.service import (
    Destination,
    HttpVersion,
    Source,
    destination,
    facts_that_matter,
    guarded,
    host_name,
    http_version,
    over_http2,
)
from hauberk_control.translate.undone import Fields, undone_findings
from hauberk_control.translate.virtual_service.destinations import Places
from hauberk_control.translate.virtual_service.in_store import Remembered, VirtualServices
from hauberk_core.model.errors import ConfigError
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.resources import (
    DestinationRule,
    Gateway,
    GatewayClass,
    GRPCRoute,
    ListenerSet,
    Namespace,
    Secret,
    Service,
    TCPRoute,
)
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, BackendObjectReference, ParentReference
from hauberk_core.resources.gateway_api.route import Route
from hauberk_core.resources.kubernetes.service import ServicePort

CONTROLLER: Final = "hauberk.dev/gateway"
"""GatewayClasses that name this controller are ours."""
BUILT_IN_CLASSES: Final = ("hauberk", "istio")
"""Ours without a GatewayClass object, so that manifests written for Istio, which makes its class itself, apply unchanged."""

_Shown = tuple[tuple[Owner, int, tuple[str, ...]], ...]


class Memories:
    """What is remembered from one store to the next."""

    def __init__(self) -> None:
        self.plans: Final = Memory[RoutePlan]()
        self.pems: Final = Memory[Held]()
        self.bundles: Final = Memory[str]()
        self.attachments: Final = Memory[Attachment]()
        self.reached: Final = Memory[tuple[tuple[Reached, ...], tuple[Finding, ...]]]()
        self.destinations: Final = Memory[Destination]()
        self.over_http2: Final = Memory[Destination]()
        self.places: Final = Memory[Place]()
        self.plugins: Final = Memory[PluginConfig]()
        self.bound_routes: Final = BoundRoutes()
        self.virtual_services: Final = Remembered()

    def __len__(self) -> int:
        """How many values are kept."""
        return sum([len(memory) for memory in self._all()])

    def next_generation(self) -> None:
        """The store has changed."""
        for memory in self._all():
            memory.next_generation()

    def _all(self) -> "tuple[Memory[Any], ...]":
        return (
            self.plans,
            self.pems,
            self.bundles,
            self.attachments,
            self.reached,
            self.destinations,
            self.over_http2,
            self.places,
            self.plugins,
            self.virtual_services.plans,
            self.virtual_services.routes,
        )


class View:
    """One store."""

    def __init__(
        self,
        store: Store,
        memories: Memories,
        read_policy: ReadPolicy = read_nothing,
        *,
        on_cluster: bool = False,
        undone: Fields = MappingProxyType({}),
    ) -> None:
        """Args: on_cluster - whether pods are made for Gateways; undone - fields that have no effect for want of a plugin."""
        self.store: Final = store
        self._memories: Final = memories
        self.grants: Final = Grants(store)
        self.policies: Final = Policies(store)
        self.mesh: Final = mesh_settings(store)
        self.rules: Final = Rules(store)
        self.idle_rules: Final = self.rules.without_service({host_name(one) for one in store.of(Service)})
        self.plugins: Final = PluginPolicies(store, read_policy, memories.plugins)
        self._bundles: Final = Bundles(store, self.grants, memories.bundles)
        self.backend_tls: Final = BackendTlsPolicies(store, self._bundles)
        self.undone: Final = undone_findings(store, undone, on_cluster=on_cluster)
        self.bound_routes: Final = memories.bound_routes
        self.bound_routes.look_at(store)
        self.localities: Final = Localities(store)
        self._endpoints: Final = Endpoints(store, self.policies, self.localities, on_cluster=on_cluster)
        self._reached: Final[dict[tuple[str, str, int, str], tuple[tuple[Reached, ...], tuple[Finding, ...]]]] = {}
        self._listeners: Final[dict[ObjectKey, tuple[ListenerState, ...]]] = {}
        self._owned_listeners: Final[dict[tuple[ObjectKey, tuple[str, str, str]], tuple[tuple[ListenerState, ...], _Shown]]] = {}
        self._gateway_routes: Final[dict[tuple[str, str], list[tuple[Route, ParentReference]]]] = {}
        self._set_routes: Final[dict[tuple[str, str], list[tuple[Route, ParentReference]]]] = {}
        self._service_passages: Final[dict[tuple[str, str], list[tuple[TCPRoute, ParentReference]]]] = {}
        self._service_routes: Final[dict[tuple[str, str], list[tuple[RequestRoute, ParentReference]]]] = {}
        self._rejected: Final[dict[ObjectKey, frozenset[tuple[ObjectKey, str]]]] = {}
        self.namespaces: Final = {one.metadata.name: one.metadata.labels for one in store.of(Namespace)}
        self.listener_sets: Final = ListenerSets(store, self.namespaces)
        self.manual_gateways: Final = ManualGateways(store, self.grants, lambda name: on_cluster and self.class_is_ours(name))
        self._default_gateways: Final = DefaultGateways(store)
        for route in [route for kind in ROUTE_KINDS for route in store.of(kind)]:
            for parent in self.parents(route):
                name = (parent.namespace or route.metadata.namespace, parent.name)
                if is_gateway(parent):
                    self._gateway_routes.setdefault(name, []).append((route, parent))
                elif is_listener_set(parent):
                    self._set_routes.setdefault(name, []).append((route, parent))
                elif is_service(parent) and isinstance(route, REQUEST_ROUTES):
                    self._service_routes.setdefault(name, []).append((route, parent))
                elif is_service(parent) and isinstance(route, TCPRoute):
                    self._service_passages.setdefault(name, []).append((route, parent))
        self.virtual_services: Final = VirtualServices(
            store, Places(store, self.backend_tls), self.rules, self.service_routes, read_policy, memories.virtual_services
        )

    def locate(self, found: Iterable[Finding]) -> tuple[ConfigError, ...]:
        """Findings as a person is told."""
        return locate(found, self.store, self._memories.places)

    def plugin_owner(self, config: PluginConfig) -> ObjectKey | None:
        """The object that a use of a plugin, found in a snapshot, came from; None: none of the store's."""
        return self.plugins.owner(config) or self.virtual_services.plugin_owner(config)

    def class_is_ours(self, name: str) -> bool:
        """Whether gateways of a class are served here."""
        found = self.store.get(GatewayClass, "", name)
        return name in BUILT_IN_CLASSES if found is None else found.spec.controller_name == CONTROLLER

    def parents(self, route: Route) -> tuple[ParentReference, ...]:
        """What a route attaches to, default Gateways included."""
        return self._default_gateways.parents(route)

    def plan(self, route: RequestRoute) -> RoutePlan:
        """A route's rules."""
        return self._memories.plans.get(key_of(route), (route,), lambda: plan_route(route))

    def plan_findings(self, route: RequestRoute) -> tuple[Finding, ...]:
        """What is wrong with a route itself."""
        mistakes = self.plan(route).mistakes
        return findings(route, mistakes) if mistakes else ()

    def listeners(self, gateway: Gateway) -> tuple[ListenerState, ...]:
        """How a Gateway's listeners stand."""
        key = key_of(gateway)
        states = self._listeners.get(key)
        if states is None:
            sets, around = self.listener_sets.of(gateway), self.manual_gateways.around(gateway)
            states = examine(gateway, sets, self.store, self.grants, self._bundles, self._held, around)
            self._listeners[key] = states
        return states

    def _held(self, secret: Secret) -> Held:
        key = key_of(secret)
        memory = self._memories.pems
        return memory.get(key, (secret,), lambda: hold(secret, memory.last(key)))

    def gateway_routes(self, gateway: Gateway) -> list[tuple[Route, ParentReference]]:
        """The routes of all kinds that name a Gateway, or a ListenerSet of it, as parent, and how."""
        found = self._gateway_routes.get((gateway.metadata.namespace, gateway.metadata.name), [])
        for own in self.listener_sets.of(gateway):
            found = found + self._set_routes.get((own.metadata.namespace, own.metadata.name), [])
        return found

    def service_routes(self, service: Service) -> list[tuple[RequestRoute, ParentReference]]:
        """The routes that name a Service as parent, and how."""
        return self._service_routes.get((service.metadata.namespace, service.metadata.name), [])

    def version_inside(self, service: Service | None, number: int) -> HttpVersion:
        """What a workload's proxy speaks to the workload itself, at a port by which a service's callers, or the service, know it.

        Also where a port says HTTP/1.1, callers that a GRPCRoute leads there come by HTTP/2, and have to find it.
        """
        ports = () if service is None else service.spec.ports
        port = next((port for port in ports if number in (port.port, port.target_port)), None)
        if service is None or port is None:
            return "client"
        version = http_version(port, "client")
        called = version == "http1" and (service.metadata.namespace, service.metadata.name, port.port) in self._called
        return "client" if called else version

    @cached_property
    def address_owners(self) -> Mapping[str, str]:
        """Whose the addresses of the cluster are, by namespace."""
        return address_owners(self.store)

    @cached_property
    def _called(self) -> frozenset[tuple[str, str, int]]:
        """The ports of services to which GRPCRoutes lead."""
        return frozenset(
            [
                (backend.namespace or route.metadata.namespace, backend.name, backend.port or 0)
                for route in self.store.of(GRPCRoute)
                for backend in route.backends()
            ]
        )

    def service_passages(self, service: Service) -> list[tuple[TCPRoute, ParentReference]]:
        """The routes for connections that name a Service as parent, and how."""
        return self._service_passages.get((service.metadata.namespace, service.metadata.name), [])

    def attachment(self, route: Route, parent: ParentReference, gateway: Gateway) -> Attachment:
        """What comes of a parent reference to a Gateway, or to a ListenerSet of it."""
        found = self._attachment(route, parent, gateway)
        rejected = self._rejected_by(gateway) if isinstance(route, REQUEST_ROUTES) else ()
        return without(found, route, rejected) if rejected else found

    def _rejected_by(self, gateway: Gateway) -> frozenset[tuple[ObjectKey, str]]:
        """The routes that listeners of a Gateway have no use for beside those of another kind, with the listener's name."""
        key = key_of(gateway)
        rejected = self._rejected.get(key)
        if rejected is None:
            several = [(route, parent) for route, parent in self.gateway_routes(gateway) if isinstance(route, REQUEST_ROUTES)]
            rejected = frozenset()
            if len({route.KIND for route, _ in several}) > 1:
                attached = [
                    (route, self._attachment(route, parent, gateway)) for route, parent in several if not self.plan(route).refused
                ]
                rejected = conflicts(attached)
            self._rejected[key] = rejected
        return rejected

    def _attachment(self, route: Route, parent: ParentReference, gateway: Gateway) -> Attachment:
        states, shown = self._listeners_of(gateway, (parent.kind, parent.namespace or route.metadata.namespace, parent.name))
        labels = self.namespaces.get(route.metadata.namespace)
        return self._memories.attachments.get(
            (key_of(route), parent),
            (route, shown, labels),
            lambda: attach(route, parent, states, self.namespaces),
        )

    def _listeners_of(self, gateway: Gateway, owner: tuple[str, str, str]) -> "tuple[tuple[ListenerState, ...], _Shown]":
        """Those of a Gateway that it, or a ListenerSet, has itself, and what of them an attachment depends on: not their
        troubles and certificates."""
        key = (key_of(gateway), owner)
        found = self._owned_listeners.get(key)
        if found is None:
            states = tuple(
                [
                    state
                    for state in self.listeners(gateway)
                    if (state.owner.KIND, state.owner.metadata.namespace, state.owner.metadata.name) == owner
                ]
            )
            found = states, tuple([(state.owner, state.position, state.kinds) for state in states])
            self._owned_listeners[key] = found
        return found

    def gateway_of(self, route: Route, parent: ParentReference) -> Gateway | None:
        """The Gateway to which a parent reference leads in the end; None: to none that is there, or to none at all."""
        namespace = parent.namespace or route.metadata.namespace
        if is_gateway(parent):
            return self.store.get(Gateway, namespace, parent.name)
        own = self.store.get(ListenerSet, namespace, parent.name) if is_listener_set(parent) else None
        return self.store.get(Gateway, *gateway_name(own)) if own is not None else None

    def client_certificate(self, gateway: Gateway) -> Found | Unfound | None:
        """What a Gateway shows its backends; None: nothing is asked for."""
        backend = gateway.spec.tls.backend if gateway.spec.tls else None
        if backend is None or backend.client_certificate_ref is None:
            return None
        return find_certificate(gateway, backend.client_certificate_ref, self.store, self.grants, self._held)

    def resolve(self, route: Route, reference: BackendObjectReference, in_mesh: bool = False) -> Backend | Unresolved:
        """What a backend of a route leads to. Args: in_mesh - for callers inside the mesh, those of a Service as parent."""
        return resolve(route, reference, self.store, self.grants, self.backend_tls, in_mesh)

    def reached(self, service: Service, port: ServicePort) -> tuple[tuple[Reached, ...], tuple[Finding, ...]]:
        """The endpoints of a port, and what is wrong with others."""
        key = (service.metadata.namespace, service.metadata.name, port.port, port.protocol)
        found = self._reached.get(key)
        if found is None:
            members = self._endpoints.of(service)
            sources = (service, members, self.policies.all)
            found = self._memories.reached.get(key, sources, lambda: self._endpoints.behind(service, port, members))
            self._reached[key] = found
        return found

    def destination(
        self, service: Service, port: ServicePort, caller: Caller, source: Source, own: ProxyPlace, *, http2: bool = False
    ) -> Destination:
        """A port of a service as one proxy reaches it.

        Args: own - where that is; http2 - by HTTP/2, whatever the port declares.
        """
        reached, found = self.reached(service, port)
        rule: DestinationRule | None = self.rules.find(host_name(service), service.metadata.namespace, caller)
        versions = self.plugins.versions(service, port)
        secured = self.backend_tls.find(service, port)
        guards = self.plugins.at_endpoints(service, port)
        matters = facts_that_matter(service, rule, checked=bool(guards))
        if matters is not None:
            source = source._replace(place=own.only(matters), checked=bool(guards))
        key = (service.metadata.namespace, service.metadata.name, port.port, port.protocol, source)
        made = self._memories.destinations.get(
            key,
            (service, reached, rule, found, versions, secured, guards),
            lambda: guarded(destination(service, port, reached, rule, source, found, versions, secured), guards),
        )
        return self._memories.over_http2.get(key, (made,), lambda: over_http2(made)) if http2 else made


def is_gateway(parent: ParentReference) -> bool:
    """Whether a route's parent is a Gateway."""
    return (parent.group, parent.kind) == (GATEWAY_GROUP, Gateway.KIND)


def is_listener_set(parent: ParentReference) -> bool:
    """Whether a route's parent is a ListenerSet."""
    return (parent.group, parent.kind) == (GATEWAY_GROUP, ListenerSet.KIND)


def is_service(parent: ParentReference) -> bool:
    """Whether a route's parent is a Service: the route is then for callers inside the mesh."""
    return (parent.group, parent.kind) == (Service.GROUP, Service.KIND)
