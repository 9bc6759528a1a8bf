"""A worker's half: the same objects for what did not change, all or nothing for what did."""

import os
import tempfile
from pathlib import Path

import msgspec
import pytest
import trustme
from plugin_fixtures import Marking, half, host, use

from hauberk_core.agent.assembly import Assembly, AssemblyError
from hauberk_core.agent.secrets import Secrets, read_secrets
from hauberk_core.agent.sockets import BoundListener, bind_one
from hauberk_core.agent.target import Target
from hauberk_core.agent.wire import CertificatePem, Delta
from hauberk_core.model import (
    Certificate,
    Cluster,
    Endpoint,
    FilterChain,
    Listener,
    Match,
    PathMatch,
    Redirect,
    Route,
    RouteTable,
    Snapshot,
    TransportConfig,
    VirtualHost,
)
from hauberk_core.net.clock import Clock
from hauberk_core.net.lenient_tls import LenientSecurity
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.plugin.host import PluginHost
from hauberk_core.plugin.part import PluginFaults
from hauberk_core.plugin.pool import PluginPool
from hauberk_core.plugin.services import HttpClient, Services
from hauberk_core.plugin.worker_services import WorkerServices
from hauberk_core.proxy.update import ProxyUpdate

AUTHORITY = trustme.CA()


class Faults(PluginFaults):
    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        raise AssertionError(f"{plugin} failed in {where}") from error


def new_pool(plugins: PluginHost) -> PluginPool:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), 1 << 14, 1 << 17)
        cells = Cells(file.fileno())

    def services(plugin: str) -> Services:
        return WorkerServices(plugin, Clock(), cells, lambda level, line: None, lambda kind, data: False, HttpClient)

    return PluginPool(lambda: plugins, services, lambda plugin: StepMeter(cells, plugin), Faults())


def _pem(*names: str) -> CertificatePem:
    leaf = AUTHORITY.issue_cert(*names)
    return CertificatePem(b"".join(part.bytes() for part in leaf.cert_chain_pems), leaf.private_key_pem.bytes())


class Fixture:
    """An agent's targets, and one assembly that follows them."""

    def __init__(self, plugins: PluginHost | None = None) -> None:
        self.bound: dict[str, BoundListener] = {name: bind_one(name, "127.0.0.1:0") for name in ("plain", "secure")}
        self.certificates = {"web": _pem("a.example.test")}
        self.snapshot = _snapshot()
        self.assembly = Assembly(new_pool(plugins or host({})))
        self._applied: Target | None = None

    def delta(self) -> tuple[Delta, Target, list[int]]:
        """The next step, its descriptors duplicated as the link would."""
        secrets: Secrets = read_secrets(self.snapshot, Path(), self.certificates)
        sockets = {name: self.bound[name] for name in self.snapshot.listeners}
        target = Target(1, self.snapshot, secrets, sockets, -1, self._applied)
        assert target.resources == Target(1, self.snapshot, secrets, sockets, -1).resources
        delta, descriptors = target.delta_from(self._applied, 0)
        return delta, target, [os.dup(number) for number in descriptors]

    def follow(self) -> ProxyUpdate:
        """Apply the next step."""
        delta, target, descriptors = self.delta()
        step = self.assembly.prepare(delta, descriptors)
        self.assembly.keep(step)
        self._applied = target
        return step.update

    def close(self, last: ProxyUpdate) -> None:
        """Close all sockets."""
        for _, sock in last.listeners.values():
            sock.close()
        for bound in self.bound.values():
            bound.close()


def _snapshot() -> Snapshot:
    secure = TransportConfig(security="tls", certificates=("web",))
    routes = (Route(name="r", redirect=Redirect(host="elsewhere.test")),)
    return Snapshot(
        listeners={
            "plain": Listener(address="127.0.0.1:0", filter_chains=(FilterChain(route_table="all"),)),
            "secure": Listener(address="127.0.0.1:0", filter_chains=(FilterChain(route_table="all", transport=secure),)),
        },
        route_tables={
            "all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",), routes=routes),)),
            "none": RouteTable(),
        },
        clusters={
            "books": Cluster(endpoints=(Endpoint(address="127.0.0.1:1"),)),
            "vault": Cluster(transport=TransportConfig(security="tls", verify=False)),
            "safe": Cluster(transport=TransportConfig(security="tls", verify=False)),
        },
        certificates={"web": Certificate(chain_file="-", key_file="-")},
        access_log=None,
    )


def test_the_first_update_has_everything() -> None:
    fixture = Fixture()
    update = fixture.follow()
    assert set(update.listeners) == {"plain", "secure"}
    assert set(update.server_contexts) == {("secure", 0)}
    assert update.client_contexts["vault"] is update.client_contexts["safe"]
    assert set(update.route_tables) == {"all", "none"}
    assert update.listeners["plain"][1].port() == fixture.bound["plain"].address.port
    fixture.close(update)


def test_what_did_not_change_is_the_same_object() -> None:
    fixture = Fixture()
    first = fixture.follow()
    clusters = {**fixture.snapshot.clusters, "books": Cluster(endpoints=(Endpoint(address="127.0.0.1:2"),))}
    fixture.snapshot = msgspec.structs.replace(fixture.snapshot, clusters=clusters)
    second = fixture.follow()
    assert second.clusters["books"] is not first.clusters["books"]
    assert second.clusters["vault"] is first.clusters["vault"]
    assert second.listeners["plain"] is first.listeners["plain"]
    assert second.route_tables["all"] is first.route_tables["all"]
    assert second.server_contexts["secure", 0] is first.server_contexts["secure", 0]
    assert second.client_contexts["vault"] is first.client_contexts["vault"]
    fixture.close(second)


def test_a_new_certificate_is_a_new_context_for_its_listeners_alone() -> None:
    fixture = Fixture()
    first = fixture.follow()
    fixture.certificates = {"web": _pem("a.example.test")}
    second = fixture.follow()
    assert second.server_contexts["secure", 0] is not first.server_contexts["secure", 0]
    assert second.client_contexts["vault"] is first.client_contexts["vault"]
    assert second.listeners["secure"] is first.listeners["secure"]
    fixture.close(second)


def test_a_listener_that_takes_any_client_is_secured_by_itself() -> None:
    fixture = Fixture()
    [chain] = fixture.snapshot.listeners["secure"].filter_chains
    asking = msgspec.structs.replace(chain.transport, trust_pem=AUTHORITY.cert_pem.bytes().decode(), unproven_clients="take")
    listener = Listener(address="127.0.0.1:0", filter_chains=(msgspec.structs.replace(chain, transport=asking),))
    fixture.snapshot = msgspec.structs.replace(fixture.snapshot, listeners={"secure": listener})
    first = fixture.follow()
    second = fixture.follow()
    assert first.server_contexts == {}
    assert isinstance(first.server_securities["secure", 0], LenientSecurity)
    assert second.server_securities["secure", 0] is first.server_securities["secure", 0]
    fixture.certificates = {"web": _pem("a.example.test")}
    third = fixture.follow()
    assert third.server_securities["secure", 0] is not first.server_securities["secure", 0]
    fixture.close(third)


def test_what_was_removed_is_gone() -> None:
    fixture = Fixture()
    first = fixture.follow()
    fixture.snapshot = msgspec.structs.replace(fixture.snapshot, listeners={}, certificates={}, clusters={})
    second = fixture.follow()
    assert (second.listeners, second.clusters, second.server_contexts, second.client_contexts) == ({}, {}, {}, {})
    fixture.close(first)


def test_a_refused_step_changes_nothing_and_closes_its_descriptors() -> None:
    fixture = Fixture()
    first = fixture.follow()
    fixture.bound["third"] = bind_one("third", "127.0.0.1:0")
    good = fixture.snapshot
    bad_route = Route(name="r", matches=(Match(path=PathMatch(kind="regex", value="(")),), redirect=Redirect(host="x.test"))
    fixture.snapshot = msgspec.structs.replace(
        good,
        listeners={**good.listeners, "third": Listener(address="127.0.0.1:0", filter_chains=(FilterChain(route_table="all"),))},
        route_tables={
            **good.route_tables,
            "all": RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*",), routes=(bad_route,)),)),
        },
    )
    delta, _, descriptors = fixture.delta()
    assert descriptors
    with pytest.raises(AssemblyError, match="regular expression"):
        fixture.assembly.prepare(delta, descriptors)
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    fixture.snapshot = msgspec.structs.replace(good, version="again")
    again = fixture.follow()
    assert again.route_tables["all"] is first.route_tables["all"]
    assert set(again.listeners) == set(first.listeners)
    fixture.close(again)


def test_a_reference_to_nothing_is_refused() -> None:
    fixture = Fixture()
    secrets = read_secrets(fixture.snapshot, Path(), fixture.certificates)
    target = Target(1, fixture.snapshot, Secrets({}, secrets.facts), {}, -1)
    delta, _ = target.delta_from(None, 0)
    with pytest.raises(AssemblyError, match="web"):
        fixture.assembly.prepare(delta, [])
    for bound in fixture.bound.values():
        bound.close()


def _with_plugin(snapshot: Snapshot, letter: str) -> Snapshot:
    chain = FilterChain(route_table="all", plugins=(use("it", msgspec.json.encode({"letter": letter}).decode()),))
    listeners = {**snapshot.listeners, "plain": Listener(address="127.0.0.1:0", filter_chains=(chain,))}
    return msgspec.structs.replace(snapshot, listeners=listeners)


def test_plugins_make_their_part_and_a_configuration_they_refuse_changes_nothing() -> None:
    closed: list[str] = []

    def make(config: dict[str, str]) -> Marking:
        if config["letter"] == "bad":
            raise ValueError("that is no letter")
        return Marking(config["letter"], closed)

    fixture = Fixture(host({"it": half(hauberk_request_filter=make)}))
    good = fixture.snapshot
    fixture.snapshot = _with_plugin(good, "a")
    first = fixture.follow()
    assert set(first.filters) == {("plain", 0)}
    fixture.snapshot = _with_plugin(good, "bad")
    delta, _, descriptors = fixture.delta()
    with pytest.raises(AssemblyError, match=r"plugins\[0\]\.config: the plugin it refuses it: that is no letter"):
        fixture.assembly.prepare(delta, descriptors)
    assert closed == []
    fixture.snapshot = good
    last = fixture.follow()
    assert last.filters == {}
    # The configuration before lets go, the chains that it made are still held by nobody.
    assert closed == ["a"]
    fixture.close(last)


def test_a_plugin_that_is_not_installed_is_refused_by_name() -> None:
    fixture = Fixture(host({"other": half(hauberk_request_filter=lambda config: Marking("a"))}))
    fixture.snapshot = _with_plugin(fixture.snapshot, "a")
    delta, _, descriptors = fixture.delta()
    with pytest.raises(AssemblyError, match="no plugin 'it' is installed here"):
        fixture.assembly.prepare(delta, descriptors)
    for bound in fixture.bound.values():
        bound.close()
