"""A service in two versions on virtual time, for scenarios of plugins that choose between them."""

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from plugin_fixtures import host, use

import hauberk_canary.plugin
import hauberk_circuitbreaker.plugin
from hauberk_core.model import Cluster, Endpoint, JsonObject, WeightedCluster
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

SECRET: Final = "a secret of the whole mesh"
V1: Final = ("192.0.2.31:9080", "192.0.2.32:9080")
V2: Final = ("192.0.2.41:9080", "192.0.2.42:9080")
FAILED: Final = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
COOKIE: Final = re.compile(rb"set-cookie: (cart=[^;\r]+)([^\r]*)")


class Shop:
    """Two versions of one service, each of two workloads."""

    def __init__(
        self,
        build: "Build",
        *configs: dict[str, Any],
        weights: tuple[int, int] = (90, 10),
        chain: bool = False,
        breaker: dict[str, Any] | None = None,
    ) -> None:
        """Args: configs - of uses of canary; chain - they are the filter chain's, not the route's; breaker - of each version."""
        self.weights = weights
        self.down: set[str] = set()
        """Addresses without workload, once applied."""
        self.failing: set[str] = set()
        """Addresses that answer 500."""
        self._uses: Final = tuple([use("canary", JsonObject.of(config).text) for config in configs])
        self._chain: Final = chain
        self._guards: Final = () if breaker is None else (use("circuitbreaker", JsonObject.of(breaker).text),)
        halves: dict[str, object] = {"canary": hauberk_canary.plugin, "circuitbreaker": hauberk_circuitbreaker.plugin}
        self.scenario: Final[Scenario] = build(plugins=host(halves))
        self.answering: Final[dict[str, ScriptedEndpoint]] = {address: self.scenario.serve(address) for address in (*V1, *V2)}
        self.browser: Peer = self.scenario.browser()
        self.cookie = b""
        """What a browser would send, name and value."""
        self.attributes = b""
        """What came with it; of the answer before: empty if that set none."""
        self.apply()

    def apply(self) -> None:
        """Serve by what the weights and `down` (addresses without workload) are now."""
        snapshot = self.scenario.snapshot
        clusters = {
            name: Cluster(
                endpoints=tuple([Endpoint(address=address) for address in places if address not in self.down]),
                plugins=self._guards,
            )
            for name, places in (("v1", V1), ("v2", V2))
        }
        table = snapshot.route_tables["all"]
        (virtual_host,) = table.virtual_hosts
        backends = tuple(
            [WeightedCluster(cluster=name, weight=weight) for name, weight in zip(("v1", "v2"), self.weights, strict=True)]
        )
        plugins = () if self._chain else self._uses
        route = msgspec.structs.replace(virtual_host.routes[0], backends=backends, plugins=plugins)
        listener = snapshot.listeners["web"]
        chains = (msgspec.structs.replace(listener.filter_chains[0], plugins=self._uses if self._chain else ()),)
        self.scenario.apply(
            msgspec.structs.replace(
                snapshot,
                listeners={"web": msgspec.structs.replace(listener, filter_chains=chains)},
                route_tables={
                    "all": msgspec.structs.replace(table, virtual_hosts=(msgspec.structs.replace(virtual_host, routes=(route,)),))
                },
                clusters=clusters,
            )
        )

    def get(self, *fields: str, path: str = "/") -> str:
        """A whole GET with the cookie. Returns: the address that answered; empty where the proxy did."""
        if not self.browser.is_connected():
            self.browser = self.scenario.browser()
        lines = [*fields, f"Cookie: other=1; {self.cookie.decode()}"] if self.cookie else [*fields]
        self.scenario.get(self.browser, path, *lines)
        self.scenario.run()
        for address, endpoint in self.answering.items():
            for connection in endpoint.connections():
                if connection.received():
                    connection.send(FAILED if address in self.failing else self.scenario.ok)
        answer = self.browser.received()
        found = COOKIE.search(answer)
        self.attributes = found[2] if found else b""
        if found:
            self.cookie = found[1]
        host = self.scenario.record().upstream_host
        assert host or b" 503 " in answer.split(b"\r\n", 1)[0]
        return host

    def version(self, *fields: str) -> str:
        """The version that answers a GET."""
        address = self.get(*fields)
        return "" if not address else "v1" if address in V1 else "v2"

    def count(self, name: str) -> int:
        """A counter of the plugin."""
        return self.scenario.plugin_count("canary", name)

    def stop(self, *addresses: str) -> None:
        """The workloads are gone."""
        self.down.update(addresses)
        self.apply()
