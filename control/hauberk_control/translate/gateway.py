"""The gateway role: a Gateway's listeners, and the routes attached to them.

Listeners of one HTTP port are one filter chain, told apart by Host; each HTTPS listener is a chain of its own, chosen by SNI. A
request belongs to the most specific listener for its host, and only that listener's routes are asked for it. What
passes as it is, at listeners of TCP, TLS and UDP, stands in `gateway_passages`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hauberk_control.gateways.listening import pod_ports
from hauberk_control.translate.build import Build
from hauberk_control.translate.edge import Trust, trust_of
from hauberk_control.translate.finding import findings
from hauberk_control.translate.gateway_listener import ListenerState, port_of
from hauberk_control.translate.gateway_passages import Passages, ending_tls
from hauberk_control.translate.hostnames import most_specific
from hauberk_control.translate.manual_gateways import is_unnamed
from hauberk_control.translate.plugin_policy import before, merged
from hauberk_control.translate.proxy_protocol import trusted_proxies
from hauberk_control.translate.route_kinds import REQUEST_ROUTES
from hauberk_core.model.address import Address
from hauberk_core.model.edge import Edge
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Route, RouteTable, VirtualHost
from hauberk_core.pod import GATEWAY_NAME_LABEL
from hauberk_core.resources import Gateway

# Of a redirect that names a scheme and no port (Gateway API, HTTPRequestRedirectFilter).
_WELL_KNOWN_PORTS: Final = {"http": 80, "https": 443}
_HTTP_INSIDE: Final = ("h2", "http/1.1")


def build_gateway(build: Build) -> None:
    """Add everything that a gateway's proxy serves."""
    view, node = build.view, build.node
    if not build.gateways:
        _warn_of_nothing(build)
    parents: dict[str, Gateway] = {}
    served: list[ListenerState] = []
    hosts: dict[str, dict[str, dict[str, tuple[Route, ...]]]] = {}
    passages = Passages(build)
    trusted: dict[str, tuple[str, ...]] = {}
    trusts: dict[str, Trust] = {}
    for gateway in build.gateways:
        prefix = f"{gateway.metadata.namespace}/{gateway.metadata.name}/" if len(build.gateways) > 1 else ""
        states = [state._replace(prefix=prefix) for state in view.listeners(gateway)]
        for state in states:
            path = ("spec", "listeners", state.position)
            mistakes = [Mistake(path, f"{trouble.message} ({trouble.reason})", trouble.hint) for trouble in state.troubles]
            build.findings.extend(findings(state.owner, mistakes))
            parents[state.name] = gateway
        served += states
        hosts |= _hosts_by_listener(build, gateway, states)
        passages.attach(gateway, prefix)
        found, wrong = trusted_proxies(gateway)
        build.findings.extend(findings(gateway, wrong))
        trusted.update(dict.fromkeys([state.name for state in states], found))
        trust, wrong = trust_of(gateway, view.mesh)
        build.findings.extend(findings(gateway, wrong))
        trusts.update(dict.fromkeys([state.name for state in states], trust))
    leads = view.manual_gateways.pod_ports(node)
    own_ports = pod_ports([state.spec.port for state in served])
    taken: dict[tuple[int, str], int] = {}
    for port, protocol in sorted({port_of(state.spec) for state in served if state.serves}):
        actual = leads.get((port, protocol), own_ports[port]) if node.pod else node.ports.get(port, port)
        first = taken.setdefault((actual, protocol), port)
        if first != port:
            message = f"port {port} would be {actual} on this machine, which is port {first}'s already"
            build.warn_about_node(message, "give the two ports different ones")
            continue
        serving = [state for state in served if state.serves and port_of(state.spec) == (port, protocol)]
        if protocol == "UDP":
            # A Gateway's own never share a port; of several Gateways' the older goes first.
            datagrams = passages.datagrams(serving[0])
            build.listeners[f"udp-{port}"] = Listener(address=str(Address(node.address, actual)), datagrams=datagrams)
            continue
        public = port if node.pod and actual != port else 0
        _add_port(build, parents, trusts, serving, hosts, passages, Address(node.address, actual), public)
        # Whatever Gateway names them: who passes connections on to a port does so for all that share it.
        several = dict.fromkeys([proxy for state in serving for proxy in trusted[state.name]])
        name = _port_name(port)
        build.listeners[name] = msgspec.structs.replace(build.listeners[name], proxy_protocol_from=tuple(several))


def _warn_of_nothing(build: Build) -> None:
    """Say why there is nothing to serve."""
    namespace, _, name = build.node.name.partition("/")
    gateway = build.view.store.get(Gateway, namespace, name)
    if gateway is not None:
        build.warn_about_node(f"its class {gateway.spec.gateway_class_name!r} is not served here", "write the class hauberk")
    elif is_unnamed(build.node):
        hint = f"name a Service of its among a Gateway's addresses, or a Gateway by the pod's label {GATEWAY_NAME_LABEL}"
        build.warn_about_node("no Gateway is served by this pod", hint)
    else:
        build.warn_about_node("there is no such Gateway", "add it, or stop this proxy")


def _hosts_by_listener(
    build: Build, gateway: Gateway, states: Sequence[ListenerState]
) -> dict[str, dict[str, dict[str, tuple[Route, ...]]]]:
    """For each listener, by host, the rules of each route that is attached there for that host."""
    by_listener: dict[str, dict[str, dict[str, tuple[Route, ...]]]] = {state.name: {} for state in states}
    prefix = states[0].prefix if states else ""
    for route, parent in build.view.gateway_routes(gateway):
        if not isinstance(route, REQUEST_ROUTES):
            continue
        attachment = build.view.attachment(route, parent, gateway)
        for listener, hosts in attachment.listeners:
            rules = tuple([_on_this_machine(rule, build.node.ports) for rule in build.routes(route)])
            if rules:
                for host in hosts:
                    by_listener[prefix + listener].setdefault(host, {})[f"{route.metadata.namespace}/{route.metadata.name}"] = (
                        rules
                    )
    return by_listener


def _on_this_machine(rule: Route, ports: Mapping[int, int]) -> Route:
    """A rule whose redirect, if it is one, names the port by which this machine's clients reach the one that is meant."""
    redirect = rule.redirect
    if redirect is None:
        return rule
    meant = redirect.port or _WELL_KNOWN_PORTS.get(redirect.scheme, 0)
    if ports.get(meant, meant) == meant:
        return rule
    return msgspec.structs.replace(rule, redirect=msgspec.structs.replace(redirect, port=ports[meant]))


def _add_port(
    build: Build,
    parents: Mapping[str, Gateway],
    trusts: Mapping[str, Trust],
    serving: Sequence[ListenerState],
    hosts: dict[str, dict[str, dict[str, tuple[Route, ...]]]],
    passages: Passages,
    address: Address,
    public_port: int,
) -> None:
    """Add what listens on one port. Args: parents, trusts - the Gateway of each listener, and whom it believes, by its name."""
    policies = build.view.plugins
    name = _port_name(serving[0].spec.port)
    chains: list[FilterChain] = []
    if serving[0].spec.protocol == "HTTP":
        patterns = [state.spec.hostname for state in serving]
        virtual_hosts: dict[str, dict[str, tuple[Route, ...]]] = {}
        first = parents[serving[0].name]
        is_shared = any(parents[state.name] is not first for state in serving)
        for state in serving:
            gateway = parents[state.name]
            # Also where no route is attached: a less specific listener must not answer in its place.
            virtual_hosts.setdefault(state.spec.hostname or "*", {})
            # Of several listeners in one chain each has its own plugins, so that they go to the routes.
            own = _of_listener(build, gateway, state) if len(serving) > 1 else ()
            if is_shared:
                own = merged(policies.on_gateway(gateway), own)
            for host, rules in hosts[state.name].items():
                if most_specific(host, patterns) == state.spec.hostname:
                    virtual_hosts.setdefault(host, {}).update({name: before(own, routes) for name, routes in rules.items()})
        build.route_tables[name] = _table(virtual_hosts.items())
        plugins = () if is_shared else policies.on_gateway(first)
        if len(serving) == 1:
            plugins = merged(plugins, _of_listener(build, first, serving[0]))
        trust = trusts[serving[0].name]
        if any(trusts[state.name] != trust for state in serving):
            trust = Trust(Edge(), "sanitize_set")
            message = f"its Gateways disagree about the proxies in front of port {serving[0].spec.port}, so that none is believed"
            build.warn_about_node(message, "give all of them the same annotations, or pods of their own")
        chains.append(
            FilterChain(route_table=name, plugins=plugins, edge=trust.edge, client_certificate=trust.client_certificate)
        )
    elif serving[0].spec.protocol == "TCP":
        chains.append(passages.tcp_chain(serving[0]))
    else:
        for state in serving:
            build.certificates.update(state.certificates)
            if state.spec.protocol == "TLS":
                chains.extend(passages.tls_chains(state, serving))
                continue
            gateway = parents[state.name]
            table = f"{name}/{state.name}"
            build.route_tables[table] = _tls_table(state, serving, hosts[state.name])
            transport = ending_tls(state, _HTTP_INSIDE)
            server_names = (state.spec.hostname,) if state.spec.hostname else ()
            plugins = merged(policies.on_gateway(gateway), _of_listener(build, gateway, state))
            chains.append(
                FilterChain(
                    route_table=table,
                    server_names=server_names,
                    transport=transport,
                    plugins=plugins,
                    edge=trusts[state.name].edge,
                    client_certificate=trusts[state.name].client_certificate,
                )
            )
    build.listeners[name] = Listener(address=str(address), filter_chains=tuple(chains), public_port=public_port)


def _port_name(port: int) -> str:
    return f"port-{port}"


def _of_listener(build: Build, gateway: Gateway, state: ListenerState) -> tuple[PluginConfig, ...]:
    """What PluginPolicies attach to a listener of the Gateway's own: they cannot name those of sets."""
    return build.view.plugins.on_listener(gateway, state.spec.name) if isinstance(state.owner, Gateway) else ()


def _tls_table(
    own: ListenerState, serving: Sequence[ListenerState], hosts: dict[str, dict[str, tuple[Route, ...]]]
) -> RouteTable:
    """The table of a listener whose connections have asked for its host by SNI: of hosts that other listeners of the port are
    there for, it says so, and never takes them itself. Source: Gateway API, GEP-3567."""
    patterns = [state.spec.hostname for state in serving]
    kept = {host: routes for host, routes in hosts.items() if most_specific(host, patterns) == own.spec.hostname}
    if len(serving) > 1:
        # A host of its own without routes is not found, also where a less specific listener is there.
        kept.setdefault(own.spec.hostname or "*", {})
    others = sorted({state.spec.hostname or "*" for state in serving} - kept.keys())
    table = _table(kept.items())
    if not others:
        return table
    misdirected = VirtualHost(name="(misdirected)", hosts=tuple(others), misdirected=True)
    return RouteTable(virtual_hosts=(*table.virtual_hosts, misdirected))


def _table(virtual_hosts: Iterable[tuple[str, dict[str, tuple[Route, ...]]]]) -> RouteTable:
    """A table in the order of hosts and of routes' names."""
    return RouteTable(
        virtual_hosts=tuple(
            [
                VirtualHost(
                    name=host, hosts=(host,), routes=tuple([rule for _, rules in sorted(routes.items()) for rule in rules])
                )
                for host, routes in sorted(virtual_hosts)
            ]
        )
    )
