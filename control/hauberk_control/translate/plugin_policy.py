"""PluginPolicies: which plugins are attached to which traffic.

A policy for a Gateway, or one of its listeners, is for all that comes in there; one for an HTTPRoute or a GRPCRoute, or for one
of its rules, for what the rule takes; one for a Service, or one of its ports, for what comes in at its workloads' sidecars, or,
where the plugin says so, for what goes to it from wherever it is called.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.finding import Finding, findings
from hauberk_control.translate.memory import Memory
from hauberk_control.translate.plugin_versions import versions_fault
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.route_kinds import RequestRoute
from hauberk_control.translate.service import GRPC_WEB, declared_protocol
from hauberk_control.translate.versions import Versions
from hauberk_core.model import syntax
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import PHASES, JsonObject, PluginConfig
from hauberk_core.model.route import Route
from hauberk_core.plugin.control import PolicyUse
from hauberk_core.resources import Gateway, GRPCRoute, HTTPRoute, PluginPolicy, Service
from hauberk_core.resources.hauberk.plugin_policy import PolicyTargetReference
from hauberk_core.resources.kubernetes.service import ServicePort
from hauberk_core.resources.meta import Resource

Plugins = tuple[PluginConfig, ...]
ReadPolicy = Callable[[str, str, JsonObject], PolicyUse]
"""Asks a plugin what a policy means, by plugin, kind of the target and configuration. Raises: ValueError: it is wrong."""


_FOR_PAGES: Final = PluginConfig(plugin="grpcweb", failure="open")


def read_nothing(_plugin: str, _kind: str, _config: JsonObject) -> PolicyUse:
    """Where no plugin is asked."""
    return PolicyUse()


class PluginPolicies:
    """The policies of a store, by what they are attached to; one that is wrong is left out."""

    def __init__(self, store: Store, read: ReadPolicy = read_nothing, memory: Memory[PluginConfig] | None = None) -> None:
        """Args: memory - gives what became of a policy as the same object for as long as the policy is the same."""
        self._attached: Final[dict[tuple[str, str, str, str, str | None], Plugins]] = {}
        self._owners: Final[dict[int, tuple[PluginConfig, PluginPolicy]]] = {}
        """By the identity of what became of each policy, which is held, so that nothing else can have it."""
        self._at_callers: Final[dict[tuple[str, str, str | None], Plugins]] = {}
        self._at_endpoints: Final[dict[tuple[str, str, str | None], Plugins]] = {}
        self._versions: Final[dict[tuple[str, str, str | None], Versions]] = {}
        self._read: Final = read
        self._memory: Final = Memory[PluginConfig]() if memory is None else memory
        self.findings: tuple[Finding, ...] = ()
        for policy in sorted(store.of(PluginPolicy), key=lambda policy: seniority(policy.metadata)):
            mistakes = _mistakes(policy, store)
            uses = self._uses(policy, mistakes)
            if not any(mistake.severity == "error" for mistake in mistakes):
                self._attach(policy, uses, mistakes)
            self.findings += findings(policy, mistakes)

    def _uses(self, policy: PluginPolicy, mistakes: list[Mistake]) -> dict[str, PolicyUse]:
        """What the plugin says of the policy for each kind of its targets."""
        uses: dict[str, PolicyUse] = {}
        for kind in dict.fromkeys([target.kind for target in policy.spec.target_refs]):
            try:
                uses[kind] = self._read(policy.spec.plugin, kind, policy.spec.config)
            except ValueError as error:
                hint = f"correct it; what the plugin {policy.spec.plugin} understands is in its manual"
                mistakes.append(Mistake(("spec", "config"), str(error), hint))
        return uses

    def _attach(self, policy: PluginPolicy, uses: dict[str, PolicyUse], mistakes: list[Mistake]) -> None:
        config = self._memory.get(key_of(policy), (policy,), lambda: _configured(policy))
        self._owners[id(config)] = (config, policy)
        for index, target in enumerate(policy.spec.target_refs):
            use = uses[target.kind]
            place = (policy.metadata.namespace, target.name, target.section_name)
            if use.versions:
                divided = Versions(tuple(sorted(use.versions.items())), use.version_label)
                if self._versions.setdefault(place, divided) is not divided:
                    message = f"an older policy divides {target.kind} {policy.metadata.namespace}/{target.name} among versions"
                    hint = "merge the two; until then this one's versions have no effect"
                    mistakes.append(Mistake(("spec", "targetRefs", index), message, hint, "warning"))
            if use.at_endpoints:
                self._at_endpoints[place] = merged(self._at_endpoints.get(place, ()), (config,))
                continue
            if use.at_callers:
                self._at_callers[place] = merged(self._at_callers.get(place, ()), (config,))
                continue
            attached = (target.group, target.kind, *place)
            self._attached[attached] = merged(self._attached.get(attached, ()), (config,))

    def owner(self, config: PluginConfig) -> ObjectKey | None:
        """The policy that `config`, found in a snapshot, came from; None: none of these."""
        found = self._owners.get(id(config))
        return None if found is None else key_of(found[1])

    def wanted_versions(self, config: PluginConfig) -> str:
        """Versions of its plugin that will do for the policy that `config` came from; empty: any."""
        found = self._owners.get(id(config))
        return "" if found is None else found[1].spec.version or ""

    def _on(self, resource: Resource, section: str | None) -> Plugins:
        group, kind, namespace, name = key_of(resource)
        return self._attached.get((group, kind, namespace, name, section), ())

    def on_gateway(self, gateway: Gateway) -> Plugins:
        """Those for the whole of a Gateway."""
        return self._on(gateway, None)

    def on_listener(self, gateway: Gateway, listener: str) -> Plugins:
        """Those for one listener of a Gateway alone."""
        return self._on(gateway, listener)

    def on_routes(self, route: RequestRoute, rules: tuple[Route, ...], indices: Iterable[int]) -> tuple[Route, ...]:
        """Rules of a route with their plugins. Args: indices - where each of them stands in the resource."""
        if not self._attached:
            return rules
        whole = self._on(route, None)
        names = [route.spec.rules[index].name for index in indices]
        return tuple(
            [
                msgspec.structs.replace(rule, plugins=merged(whole, self._on(route, name) if name is not None else ()))
                for name, rule in zip(names, rules, strict=True)
            ]
        )

    def on_service(self, service: Service, number: int) -> Plugins:
        """Those for what comes in at a port of a service's workloads."""
        port = next((port for port in service.spec.ports if number in (port.port, port.target_port)), None)
        section = self._on(service, port.name) if port is not None and port.name is not None else ()
        return _for_pages(port, merged(self._on(service, None), section))

    def at_callers(self, service: Service, port: ServicePort) -> Plugins:
        """Those for the routes that lead to a port of a service, wherever it is called."""
        if not self._at_callers:
            return _for_pages(port, ())
        namespace, name = service.metadata.namespace, service.metadata.name
        section = self._at_callers.get((namespace, name, port.name), ()) if port.name is not None else ()
        return _for_pages(port, merged(self._at_callers.get((namespace, name, None), ()), section))

    def at_endpoints(self, service: Service, port: ServicePort) -> Plugins:
        """Those that guard the endpoints of a port.

        One of each plugin, because two would do the same work twice: the port's own goes before the service's, then the oldest.
        """
        if not self._at_endpoints:
            return ()
        namespace, name = service.metadata.namespace, service.metadata.name
        section = self._at_endpoints.get((namespace, name, port.name), ()) if port.name is not None else ()
        found: dict[str, PluginConfig] = {}
        for config in (*section, *self._at_endpoints.get((namespace, name, None), ())):
            found.setdefault(config.plugin, config)
        return tuple(found.values())

    def versions(self, service: Service, port: ServicePort) -> Versions | None:
        """How the requests for a port are divided among versions, if they are: the port's own word goes before the service's."""
        namespace, name = service.metadata.namespace, service.metadata.name
        section = self._versions.get((namespace, name, port.name)) if port.name is not None else None
        return section or self._versions.get((namespace, name, None))


def _configured(policy: PluginPolicy) -> PluginConfig:
    spec = policy.spec
    config = PluginConfig(
        plugin=spec.plugin,
        phase=spec.phase,
        # Policies have the highest first, the proxy the smallest.
        priority=-spec.priority,
        failure=spec.failure,
        config=spec.config,
    )
    return config if spec.timeout is None else msgspec.structs.replace(config, timeout=_bounded(spec.timeout))


def _bounded(timeout: Duration) -> Duration:
    """Gateway API's 0 is no limit; a plugin's step always has one."""
    return Duration(min(timeout.seconds, LONGEST_SECONDS) if timeout.seconds > 0 else LONGEST_SECONDS)


def _for_pages(port: ServicePort | None, plugins: Plugins) -> Plugins:
    """What a port's plugins are where it says that pages in browsers call it: gRPC-Web is translated without further ado."""
    if port is None or declared_protocol(port) != GRPC_WEB or any(use.plugin == _FOR_PAGES.plugin for use in plugins):
        return plugins
    return merged((_FOR_PAGES,), plugins)


def merged(first: Plugins, second: Plugins) -> Plugins:
    """Both in the order in which requests meet them; of equals those of `first` go first."""
    return tuple(sorted((*first, *second), key=lambda config: (PHASES.index(config.phase), config.priority)))


def before(plugins: Plugins, rules: Iterable[Route]) -> tuple[Route, ...]:
    """Rules with more plugins, in front of their own of the same phase and priority."""
    if not plugins:
        return tuple(rules)
    return tuple([msgspec.structs.replace(rule, plugins=merged(plugins, rule.plugins)) for rule in rules])


def _mistakes(policy: PluginPolicy, store: Store) -> list[Mistake]:
    mistakes: list[Mistake] = []
    fault = syntax.resource_name(policy.spec.plugin)
    if fault is not None:
        mistakes.append(Mistake(("spec", "plugin"), *fault))
    fault = versions_fault(policy.spec.version or "")
    if fault is not None:
        mistakes.append(Mistake(("spec", "version"), *fault))
    for index, target in enumerate(policy.spec.target_refs):
        mistake = _target_mistake(policy, target, store)
        if mistake is not None:
            mistakes.append(mistake._replace(path=("spec", "targetRefs", index, *mistake.path)))
    return mistakes


def _target_mistake(policy: PluginPolicy, target: PolicyTargetReference, store: Store) -> Mistake | None:
    """What is wrong with a target. That it is not there is only a warning: it may come."""
    kinds: tuple[type[Gateway | RequestRoute | Service], ...] = (Gateway, HTTPRoute, GRPCRoute, Service)
    kind = next((kind for kind in kinds if (target.group, target.kind) == (kind.GROUP, kind.KIND)), None)
    if kind is None:
        return Mistake(
            ("kind",), f"plugins are not attached to a {target.kind}", "refer to a Gateway, HTTPRoute, GRPCRoute or Service"
        )
    found = store.get(kind, policy.metadata.namespace, target.name)
    name = f"{target.kind} {policy.metadata.namespace}/{target.name}"
    if found is None:
        return Mistake(("name",), f"there is no {name}", "correct the name, or add it", "warning")
    if target.section_name is not None and target.section_name not in _sections(found):
        hint = "write the name of a listener, rule or port"
        return Mistake(("sectionName",), f"no part of {name} is called {target.section_name!r}", hint, "warning")
    return None


def _sections(found: Gateway | RequestRoute | Service) -> list[str | None]:
    match found:
        case Gateway():
            return [listener.name for listener in found.spec.listeners]
        case HTTPRoute() | GRPCRoute():
            return [rule.name for rule in found.spec.rules]
        case _:
            return [port.name for port in found.spec.ports]
