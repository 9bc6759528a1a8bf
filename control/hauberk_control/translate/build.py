"""What grows into one proxy's snapshot while it is put together."""

from collections.abc import Sequence
from typing import Final

import msgspec

from hauberk_control.store import ObjectKey
from hauberk_control.translate.backend import Backend, Unresolved, bind
from hauberk_control.translate.bound_routes import RouteKey, Targets, destinations
from hauberk_control.translate.certificate import Found, Unfound
from hauberk_control.translate.destination_rule import Caller
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.node import Node
from hauberk_control.translate.plugin_policy import merged
from hauberk_control.translate.route_kinds import RequestRoute
from hauberk_control.translate.route_plan import BackendPlan, MirrorPlan, RulePlan
from hauberk_control.translate.service import Destination, Source, source_labels
from hauberk_control.translate.view import View
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN, SpiffeError, SpiffeId
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import ConfigError
from hauberk_core.model.listener import Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Route, RouteTable
from hauberk_core.resources import GRPCRoute, Service
from hauberk_core.resources.gateway_api.references import BackendObjectReference
from hauberk_core.resources.gateway_api.route import Route as AnyRoute
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.resources.kubernetes.service import ServicePort


class Build:
    """The pieces of a snapshot, and the means to make them for one proxy."""

    def __init__(self, view: View, node: Node) -> None:
        self.view: Final = view
        self.node: Final = node
        named = view.manual_gateways.served_by(node) if node.role == "gateway" else ()
        self.gateways: Final = tuple([one for one in named if view.class_is_ours(one.spec.gateway_class_name)])
        """Those that a gateway's proxy serves."""
        self.listeners: Final[dict[str, Listener]] = {}
        self.route_tables: Final[dict[str, RouteTable]] = {}
        self.clusters: Final[dict[str, Cluster]] = {}
        self.traffic_policies: Final[dict[str, TrafficPolicy]] = {}
        """What DestinationRules say of those clusters."""
        self.certificates: Final[dict[str, CertificatePem]] = {}
        self.findings: Final[list[Finding]] = []
        self.problems: Final[list[ConfigError]] = []
        """What is wrong with the node itself."""
        self.policies: Final[set[ObjectKey]] = set()
        """Those that have a part in the snapshot, but for plugins'."""
        self.caller: Final = Caller(node.namespace, tuple(sorted(node.labels.items())))
        """As whom rules know it."""
        labels = source_labels(node.name, node.namespace, node.labels, node.identity)
        self.source: Final = Source(
            _trust_domain(node.identity),
            labels,
            self._client_certificate(),
            undeclared="client" if node.role == "sidecar" else "http1",
        )
        self._place: Final = view.localities.of_proxy(node)
        self._in_mesh: Final = node.role == "sidecar"
        self._bound: Final[dict[RouteKey, tuple[Route, ...]]] = {}
        self._destinations: Final[dict[tuple[str, str, int, str, bool], Destination]] = {}

    def destination(self, service: Service, port: ServicePort, *, http2: bool = False) -> Destination:
        """A port of a service; its clusters are in the snapshot from now on.

        Args: http2 - it is spoken to by HTTP/2, whatever it declares.
        """
        key = (service.metadata.namespace, service.metadata.name, port.port, port.protocol, http2)
        known = self._destinations.get(key)
        if known is not None:
            return known
        found = self._destinations[key] = self.view.destination(service, port, self.caller, self.source, self._place, http2=http2)
        self.clusters.update(found.clusters)
        self.traffic_policies.update(found.traffic_policies)
        self.findings.extend(found.findings)
        if found.rule is not None:
            self.policies.add(found.rule)
        return found

    def _client_certificate(self) -> str:
        """The certificate that a gateway's proxy shows its backends, now in the snapshot; empty: none.

        A proxy has one set of connections for all the Gateways that it serves, so that they have to agree.
        """
        several = [(gateway, self.view.client_certificate(gateway)) for gateway in self.gateways]
        for gateway, found in several:
            if isinstance(found, Unfound):
                path = ("spec", "tls", "backend", "clientCertificateRef")
                self.findings.extend(findings(gateway, [Mistake(path, found.message, found.hint)]))
        shown = {found.name: found for _, found in several if isinstance(found, Found)}
        if not shown:
            return ""
        if len(shown) > 1 or not all(isinstance(found, Found) for _, found in several):
            message = "its Gateways show their backends different certificates, so that none is shown"
            self.warn_about_node(message, "give all of them the same tls.backend, or pods of their own")
            return ""
        (found,) = shown.values()
        self.certificates[found.name] = found.pem
        return found.name

    def routes(self, route: RequestRoute) -> tuple[Route, ...]:
        """The rules of an HTTPRoute or a GRPCRoute with their backends; none if it is refused."""
        key = (route.KIND, route.metadata.namespace, route.metadata.name, self._in_mesh)
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = self._bind(route, key)
        return bound

    def _bind(self, route: RequestRoute, key: RouteKey) -> tuple[Route, ...]:
        known = self.view.bound_routes
        targets = known.targets(key)
        if targets is None:
            targets = self._look_up(route)
            known.note_targets(key, targets)
        if targets.findings:
            self.findings.extend(targets.findings)
        http2 = isinstance(route, GRPCRoute)
        shares = tuple([self.destination(service, port, http2=http2).shares for service, port in targets.destinations])
        if targets.refused:
            return ()
        rules = known.rules(key, shares)
        if rules is None:
            plan = self.view.plan(route)
            rules = tuple([bind(rule, lambda backend: self.reach(route, backend)) for rule in plan.rules])
            rules = self.view.plugins.on_routes(route, rules, [rule.position for rule in plan.rules])
            rules = tuple([self._with_callers(route, rule, own) for rule, own in zip(plan.rules, rules, strict=True)])
            known.note_rules(key, shares, rules)
        return rules

    def _look_up(self, route: RequestRoute) -> Targets:
        plan = self.view.plan(route)
        found = self.view.plan_findings(route)
        if plan.refused:
            return Targets((), found, True)
        resolved = [
            (one, self.view.resolve(route, one.reference, self._in_mesh)) for rule in plan.rules for one in rule.references
        ]
        wrong = [(one, target) for one, target in resolved if isinstance(target, Unresolved)]
        return Targets(destinations(resolved), found + unresolved_findings(route, wrong), False)

    def reach(self, route: AnyRoute, reference: BackendObjectReference) -> Destination | None:
        """What a backend of a route leads to; None: nowhere."""
        found = self.view.resolve(route, reference, self._in_mesh)
        if not isinstance(found, Backend):
            return None
        return self.destination(found.service, found.port, http2=isinstance(route, GRPCRoute))

    def _with_callers(self, route: RequestRoute, plan: RulePlan, rule: Route) -> Route:
        """A rule with what plugins do where its backends are called, behind its own."""
        plugins = rule.plugins
        for backend in plan.backends:
            found = self.view.resolve(route, backend.reference, self._in_mesh)
            if isinstance(found, Backend):
                added = [one for one in self.view.plugins.at_callers(found.service, found.port) if one not in plugins]
                plugins = merged(plugins, tuple(added)) if added else plugins
        return rule if plugins is rule.plugins else msgspec.structs.replace(rule, plugins=plugins)

    def warn_about_node(self, message: str, hint: str) -> None:
        """Say what is wrong with the node's own wishes."""
        origin = f"{self.node.role} {self.node.name}"
        self.problems.append(ConfigError(origin=origin, message=message, hint=hint, severity="warning"))


def unresolved_findings(
    route: RequestRoute, several: Sequence[tuple[BackendPlan | MirrorPlan, Unresolved]]
) -> tuple[Finding, ...]:
    """Backends that lead nowhere. Only a warning: the rest of the route serves on."""
    mistakes = [Mistake(plan.path, f"{found.message}; {_outcome(plan)}", found.hint, "warning") for plan, found in several]
    return findings(route, mistakes)


def _outcome(plan: BackendPlan | MirrorPlan) -> str:
    return "its share of requests is answered with 500" if isinstance(plan, BackendPlan) else "it gets no copies"


def _trust_domain(identity: str) -> str:
    try:
        return SpiffeId.parse(identity).trust_domain
    except SpiffeError:
        return DEFAULT_TRUST_DOMAIN
