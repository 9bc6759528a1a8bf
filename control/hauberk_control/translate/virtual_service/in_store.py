"""The VirtualServices of a store: which one counts where, their rules, and what is wrong with them whichever proxy asks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final

from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.backend import Unresolved
from hauberk_control.translate.destination_rule import Caller, Rules, full_name
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.memory import Memory
from hauberk_control.translate.plugin_policy import ReadPolicy
from hauberk_control.translate.route_kinds import RequestRoute
from hauberk_control.translate.service import host_name
from hauberk_control.translate.virtual_service.callers import for_sidecars
from hauberk_control.translate.virtual_service.destinations import Places
from hauberk_control.translate.virtual_service.http_plan import HttpPlan, plan_http
from hauberk_control.translate.virtual_service.octets import check_octets
from hauberk_control.translate.virtual_service.selection import EVERY_HOST, RuleKind, Selection
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route
from hauberk_core.resources import Service, VirtualService
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.istio.virtual_service import MESH, Destination

AttachedRoutes = Callable[[Service], Sequence[tuple[RequestRoute, ParentReference]]]
"""The routes that have a Service as parent, and how."""


class Remembered:
    """What is remembered from one store to the next."""

    def __init__(self) -> None:
        self.plans: Final = Memory[HttpPlan]()
        self.routes: Final = Memory[tuple[Route, ...]]()


class VirtualServices:
    """Those of one store."""

    def __init__(
        self, store: Store, places: Places, rules: Rules, attached: AttachedRoutes, read: ReadPolicy, remembered: Remembered
    ) -> None:
        """Args: rules - the DestinationRules; read - asks plugins whether they understand what is for them."""
        self.places: Final = places
        self.remembered: Final = remembered
        self._store: Final = store
        self._rules: Final = rules
        self._attached: Final = attached
        self._read: Final = read
        self._selection: Final = Selection(store)
        self._plugin_owners: Final[dict[int, tuple[PluginConfig, ObjectKey]]] = {}
        """By the identity of each use of a plugin, which is held, so that nothing else can have it."""

    def find(self, service: Service, caller: Caller, kind: RuleKind) -> VirtualService | None:
        """The one whose rules of a kind count for a caller of a service."""
        return self._selection.find(host_name(service), caller, kind)

    def plan(self, owner: VirtualService) -> HttpPlan:
        """The rules for requests."""
        key = key_of(owner)
        plan = self.remembered.plans.get(key, (owner,), lambda: plan_http(owner, self._read))
        for rule in plan.rules:
            for config in rule.route.plugins:
                self._plugin_owners[id(config)] = (config, key)
        return plan

    def plugin_owner(self, config: PluginConfig) -> ObjectKey | None:
        """The object that a use of a plugin came from; None: none of these, as far as plans were asked for."""
        found = self._plugin_owners.get(id(config))
        return None if found is None else found[1]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with each of them."""
        found: list[Finding] = []
        for owner in self._store.of(VirtualService):
            found += findings(owner, self._of_gateways(owner))
            if for_sidecars(owner.spec.gateways):
                found += findings(owner, self._of_hosts(owner))
                found += findings(owner, self.plan(owner).mistakes)
                found += findings(owner, check_octets(owner))
                found += findings(owner, self._of_destinations(owner))
        for owner, host, kind, older in self._selection.shadowed:
            message = f"{key_of(older)} is older and has this host, so that the {kind} rules here have no effect for it"
            hint = "merge the two objects; sidecars go by one"
            found += findings(owner, [Mistake(("spec", "hosts", host), message, hint, "warning")])
        return tuple(found)

    def _of_gateways(self, owner: VirtualService) -> Iterator[Mistake]:
        nowhere = not for_sidecars(owner.spec.gateways)
        for index, name in enumerate(owner.spec.gateways):
            if name != MESH:
                message = f"Gateways of Istio are not read, so that the rules are not in force at {quote(name)}"
                hint = f"write a Gateway and an HTTPRoute of gateway.networking.k8s.io/v1; {MESH} stands for sidecars"
                yield Mistake(("spec", "gateways", index), message, hint, "error" if nowhere else "warning")

    def _of_hosts(self, owner: VirtualService) -> Iterator[Mistake]:
        spec = owner.spec
        if not spec.hosts:
            message = "rules without hosts are for others to delegate to, which is not done yet: they have no effect"
            yield Mistake(("spec",), message, "add hosts", "warning")
        if not spec.http and not spec.tcp and not spec.tls:
            yield Mistake(("spec",), "there are no rules, so that it has no effect", "add http or tcp", "warning")
        for index, host in enumerate(spec.hosts):
            path: Path = ("spec", "hosts", index)
            if host == EVERY_HOST:
                message = f"{EVERY_HOST} would be every service of the mesh, whoever's it is: no effect for this host"
                yield Mistake(path, message, "name services, or those below a name: *.<namespace>.svc.cluster.local")
            if host.startswith("*"):
                continue
            service = self.places.service(host, owner.metadata.namespace)
            if service is None:
                message = f"no Service is called {quote(full_name(host, owner.metadata.namespace))}: no effect for this host"
                yield Mistake(path, message, "correct the name, or add the Service", "warning")
            elif spec.http:
                for route, _ in self._attached(service):
                    message = f"the {key_of(route)} goes before these rules for the callers and ports that it is for"
                    hint = f"keep one of the two; without them the Service has this {owner.KIND}'s rules"
                    yield Mistake(path, message, hint, "warning")

    def _of_destinations(self, owner: VirtualService) -> Iterator[Mistake]:
        for path, destination, requests in _destinations(owner):
            fate = "requests is answered with 500" if requests else "connections is reset"
            if path[3:4] != ("route",):
                outcome = "it gets no copies"
            else:
                outcome = f"its share of {fate}"
            found = self.places.resolve(destination, owner.metadata.namespace, None, requests=requests)
            if isinstance(found, Unresolved):
                yield Mistake(path, f"{found.message}; {outcome}", found.hint, "warning")
            elif found.subset and found.subset not in self._rules.subsets(host_name(found.service)):
                message = f"no DestinationRule of this host has the subset {quote(found.subset)}; {outcome}"
                hint = "add the subset to the host's DestinationRule, or correct the name"
                yield Mistake((*path, "subset"), message, hint, "warning")


def _destinations(owner: VirtualService) -> Iterator[tuple[Path, Destination, bool]]:
    """Each destination with its place, and whether requests are what goes there."""
    for index, rule in enumerate(owner.spec.http):
        path: Path = ("spec", "http", index)
        for position, one in enumerate(rule.route):
            yield (*path, "route", position, "destination"), one.destination, True
        if rule.mirror is not None:
            yield (*path, "mirror"), rule.mirror, True
        for position, mirror in enumerate(rule.mirrors):
            yield (*path, "mirrors", position, "destination"), mirror.destination, True
    for index, passage in enumerate(owner.spec.tcp):
        for position, other in enumerate(passage.route):
            yield ("spec", "tcp", index, "route", position, "destination"), other.destination, False
