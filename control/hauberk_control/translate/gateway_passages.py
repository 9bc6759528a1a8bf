"""What passes a gateway as it is: connections of TCP listeners, and of TLS listeners by the server name that they ask for; and
datagrams of UDP listeners.

Of a TCP or UDP listener's routes the oldest counts. A TLS listener has a chain for each of its routes, with the names that the
route and the listener have in common; of routes that share a name the oldest has it. A name that belongs to a listener without a
route for it is nobody's: a less specific listener does not answer in its place (GEP-3567).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from hauberk_control.store import key_of
from hauberk_control.translate.backend import Unresolved, divided
from hauberk_control.translate.build import Build
from hauberk_control.translate.datagram_routes import datagram_settings
from hauberk_control.translate.finding import findings
from hauberk_control.translate.gateway_listener import ListenerState, ends_tls
from hauberk_control.translate.hostnames import most_specific
from hauberk_control.translate.precedence import seniority
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.listener import FilterChain
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import WeightedCluster
from hauberk_core.model.transport import TransportConfig
from hauberk_core.resources import Gateway, UDPRoute
from hauberk_core.resources.gateway_api.connection_route import ConnectionRoute

_EVERY_NAME: Final = "*"


class Passages:
    """Those of one proxy."""

    def __init__(self, build: Build) -> None:
        self._build: Final = build
        self._attached: Final[dict[str, list[tuple[ConnectionRoute, tuple[str, ...]]]]] = {}
        """By listener, the older route first; each with the names it has there."""
        self._backends: Final[dict[object, tuple[WeightedCluster, ...]]] = {}

    def attach(self, gateway: Gateway, prefix: str) -> None:
        """Look at the routes of a Gateway. Args: prefix - of its listeners' names."""
        gateway_routes = self._build.view.gateway_routes(gateway)
        routes = [(route, parent) for route, parent in gateway_routes if isinstance(route, ConnectionRoute)]
        for route, parent in sorted(routes, key=lambda one: seniority(one[0].metadata)):
            for listener, hosts in self._build.view.attachment(route, parent, gateway).listeners:
                self._attached.setdefault(prefix + listener, []).append((route, hosts))

    def tcp_chain(self, state: ListenerState) -> FilterChain:
        """What a TCP listener does; connections without a route are reset."""
        attached = self._attached.get(state.name, [])
        return FilterChain(protocol="tcp", backends=self._backends_of(attached[0][0]) if attached else ())

    def datagrams(self, state: ListenerState) -> Datagrams:
        """What a UDP listener does; datagrams without a route are dropped."""
        for route, _ in self._attached.get(state.name, []):
            if isinstance(route, UDPRoute):
                settings, mistakes = datagram_settings(route)
                if key_of(route) not in self._backends:
                    self._build.findings.extend(findings(route, mistakes))
                return msgspec.structs.replace(settings, backends=self._backends_of(route))
        return Datagrams()

    def tls_chains(self, state: ListenerState, serving: Sequence[ListenerState]) -> list[FilterChain]:
        """What a TLS listener does, whether TLS ends here or passes. Args: serving - all listeners of its port."""
        patterns = [other.spec.hostname for other in serving]
        own = state.spec.hostname or _EVERY_NAME
        taken: set[str] = set()
        chains: list[FilterChain] = []
        for route, hosts in self._attached.get(state.name, []):
            names = [host for host in hosts if host not in taken and most_specific(host, patterns) == state.spec.hostname]
            if names:
                taken.update(names)
                chains.append(_chain(state, names, self._backends_of(route)))
        if own not in taken and (own != _EVERY_NAME or not chains):
            chains.append(_chain(state, [own], ()))
        return chains

    def _backends_of(self, route: ConnectionRoute) -> tuple[WeightedCluster, ...]:
        """Where a route's connections go. What is wrong with its backends is noted."""
        known = self._backends.get(key_of(route))
        if known is not None:
            return known
        build = self._build
        mistakes: list[Mistake] = []
        for rule_index, rule in enumerate(route.spec.rules):
            for index, reference in enumerate(rule.backend_refs):
                found = build.view.resolve(route, reference)
                if isinstance(found, Unresolved):
                    path = ("spec", "rules", rule_index, "backendRefs", index)
                    fate = "datagrams is dropped" if isinstance(route, UDPRoute) else "connections is reset"
                    message = f"{found.message}; its share of {fate}"
                    mistakes.append(Mistake(path, message, found.hint, "warning"))
        build.findings.extend(findings(route, mistakes))
        shares = divided(route.backends(), lambda reference: build.reach(route, reference))
        backends = tuple([WeightedCluster(cluster=cluster, weight=weight) for weight, cluster, _ in shares])
        self._backends[key_of(route)] = backends
        return backends


def ending_tls(state: ListenerState, alpn: tuple[str, ...]) -> TransportConfig:
    """How clients of a listener that ends TLS speak it. Args: alpn - what may be spoken inside; none: nobody knows."""
    return TransportConfig(
        security="tls",
        certificates=tuple([certificate for certificate, _ in state.certificates]),
        trust_pem=state.clients.authorities,
        unproven_clients="take" if state.clients.is_lenient else "refuse",
        alpn=alpn,
    )


def _chain(state: ListenerState, names: list[str], backends: tuple[WeightedCluster, ...]) -> FilterChain:
    server_names = () if _EVERY_NAME in names else tuple(names)
    if not ends_tls(state.spec):
        return FilterChain(protocol="tls", server_names=server_names, backends=backends)
    transport = ending_tls(state, ())
    return FilterChain(protocol="tcp", server_names=server_names, backends=backends, transport=transport)
