"""What plugins are asked to make, and what they may not return."""

import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from plugin_fixtures import Marking, half, host, use

from hauberk_core.model import Cluster, FilterChain, Listener, PluginConfig, Route, RouteTable, TransportConfig, VirtualHost
from hauberk_core.net.clock import Clock
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.plugin.data import Exchange, Guard, Identity, Observer, Permit, Refusal, Reply, Security, Stream, SyncFilter
from hauberk_core.plugin.errors import PluginMissing
from hauberk_core.plugin.host import PluginHost
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool, PluginsRefused, PluginStep
from hauberk_core.plugin.services import HttpClient, Services
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.route.table import compile_table


class Faults(PluginFaults):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        self.seen.append((plugin, where))


class Pool:
    """A pool, and one listener's configuration for it."""

    def __init__(self, known: PluginHost) -> None:
        with tempfile.TemporaryFile() as file:
            create_cells(file.fileno(), 1 << 14, 1 << 17)
            self.cells = Cells(file.fileno())
        self.faults = Faults()
        self.looked = 0
        self.known = known
        self.pool = PluginPool(self._find, self._services, lambda plugin: StepMeter(self.cells, plugin), self.faults)

    def _find(self) -> PluginHost:
        self.looked += 1
        return self.known

    def _services(self, plugin: str) -> Services:
        return WorkerServices(plugin, Clock(), self.cells, lambda level, line: None, lambda kind, data: False, HttpClient)

    def prepare(self, *plugins: PluginConfig, cluster: tuple[PluginConfig, ...] = ()) -> PluginStep:
        chain = FilterChain(route_table="all", plugins=plugins)
        table = RouteTable()
        return self.pool.prepare(
            {"web": Listener(address=":80", filter_chains=(chain,))},
            {"all": (table, compile_table(table))},
            {"books": Cluster(plugins=cluster)},
        )


def test_nobody_looks_for_plugins_that_nobody_names() -> None:
    pool = Pool(host({}))
    assert pool.prepare().filters == {}
    assert pool.looked == 0


class Admitting(Guard):
    def admit(self, endpoint: Any, is_retry: bool, subject: Any) -> Permit | Refusal:
        return Permit()


class Hurried(SyncFilter):
    async def request(self, exchange: Exchange) -> Reply | None:  # type: ignore[override]  # the mistake under test
        return None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda config: 7, "hauberk_request_filter returned a int, which is no SyncFilter or AsyncFilter"),
        (lambda config: Observer(), "hauberk_request_filter returned a Observer"),
        (lambda config: Hurried(), "Hurried.request is a coroutine function; derive the class from AsyncFilter"),
        (lambda config: config["missing"], "the plugin it refuses it: 'missing'"),
        (lambda config: None, "the plugin it has nothing for this place; its hooks are hauberk_request_filter"),
    ],
)
def test_what_is_no_filter_is_refused_before_it_serves(make: Callable[..., Any], message: str) -> None:
    with pytest.raises(PluginsRefused, match=r"listeners\.web\.filter_chains\[0\]\.plugins\[0\]\..*") as caught:
        Pool(host({"it": half(hauberk_request_filter=make)})).prepare(use("it"))
    assert message in str(caught.value)


def test_every_mistake_is_told_and_what_was_made_is_closed() -> None:
    closed: list[str] = []
    known = host({"it": half(hauberk_request_filter=lambda config: Marking(config["letter"], closed))})
    with pytest.raises(PluginsRefused) as caught:
        Pool(known).prepare(use("it", '{"letter": "a"}'), use("it"), use("absent"), cluster=(use("it", '{"letter": "a"}'),))
    assert [mistake.path[-1] for mistake in caught.value.mistakes] == ["config", "plugin", "plugin"]
    assert closed == ["a"]


def test_a_fault_at_closing_is_told_and_harms_nobody() -> None:
    class Clinging(SyncFilter):
        def close(self) -> None:
            raise RuntimeError("never")

    pool = Pool(host({"it": half(hauberk_request_filter=lambda config: Clinging())}))
    pool.pool.keep(pool.prepare(use("it")))
    pool.pool.keep(pool.prepare())
    assert pool.faults.seen == [("it", "close")]


def test_services_and_state_outlive_configurations() -> None:
    seen: list[list[int]] = []

    def make(config: dict[str, Any], services: Services) -> SyncFilter:
        state: list[int] = services.state("numbers", list)
        state.append(len(state))
        seen.append(state)
        return Marking("a")

    pool = Pool(host({"it": half(hauberk_request_filter=make)}))
    pool.pool.keep(pool.prepare(use("it", '{"n": 1}')))
    pool.pool.keep(pool.prepare(use("it", '{"n": 2}')))
    assert seen[0] is seen[1]
    assert seen[0] == [0, 1]


class Wrapping(Security):
    def wrap(self, stream: Stream, host: str) -> Stream:
        return stream


# `hauberk_transport` below: one plugin leaves it to the next.
MESH = TransportConfig(security="mesh")
IDENTITY = Identity(True, b"chain", b"key", b"trust")


def test_a_plugin_secures_what_is_left_to_it() -> None:
    made = Wrapping()

    def hauberk_transport(config: TransportConfig, identity: Identity, services: Services) -> Security | None:
        assert (identity.is_listener, identity.trust_pem) == (True, b"trust")
        return made if config.security == "mesh" else None

    pool = Pool(host({"a": half(hauberk_transport=lambda config: None), "b": half(hauberk_transport=hauberk_transport)})).pool
    assert pool.security(MESH, IDENTITY) is made
    with pytest.raises(PluginMissing, match="no plugin secures transports of the kind 'tls'"):
        pool.security(TransportConfig(security="tls"), IDENTITY)


@pytest.mark.parametrize(
    ("hook", "message"),
    [(lambda: 7, "returned a int where a Security is wanted"), (lambda: 1 / 0, "cannot secure a transport: division by zero")],
)
def test_a_plugin_that_cannot_secure_refuses_the_configuration(hook: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pool(host({"a": half(hauberk_transport=hook)})).pool.security(MESH, IDENTITY)


def test_a_filter_is_told_where_it_is_used() -> None:
    places: list[str] = []

    def make(place: str) -> SyncFilter:
        places.append(place)
        return Marking(place)

    pool = Pool(host({"it": half(hauberk_request_filter=make)}))
    pool.prepare(use("it")).release()
    table = RouteTable(
        virtual_hosts=tuple(
            [VirtualHost(name=name, hosts=(name,), routes=(Route(name="shop", plugins=(use("it"),)),)) for name in ("a", "b")]
        )
    )
    pool.pool.prepare({}, {"all": (table, compile_table(table))}, {}).release()
    assert places == ["listener/web", "route/shop", "route/shop"]
