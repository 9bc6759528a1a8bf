"""Plugins that choose among a route's weighted backends."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from plugin_fixtures import Marking, half, host, use

from hauberk_core.model import Cluster, Endpoint, HeaderModifier, Rewrite, WeightedCluster
from hauberk_core.plugin.data import Backend, Exchange, Picker, Reason

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


SHARES = {"next": 0.01, "unused": 0.0, "books": 0.99}


class ByHeader(Picker):
    """Goes by a header; without it, leaves the choice to the weights."""

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        wanted = exchange.headers.get("x-version")
        if wanted == "broken":
            raise RuntimeError("no such version")
        if wanted == "foreign":
            return Backend("books", 0.5)
        for backend in backends:
            if backend.cluster == wanted:
                assert (backend.share, backend.is_available()) == (SHARES[wanted], True)
                return backend
        return None


@pytest.fixture(params=["chain", "route"])
def canary(request: pytest.FixtureRequest, build: "Build") -> "Scenario":
    """1 % of the requests go to the cluster `next`, unless the picker says otherwise."""
    backends = (
        WeightedCluster(cluster="next", weight=1),
        WeightedCluster(cluster="unused", weight=0),
        WeightedCluster(cluster="books", weight=99),
    )
    plugins = host({"it": half(hauberk_backend_picker=lambda config: ByHeader())})
    settings: dict[str, dict[str, Any]] = {"chain": {}, "route": {"backends": backends}}
    settings[request.param]["plugins"] = (use("it"),)
    scenario = build(chain=settings["chain"], route=settings["route"], plugins=plugins)
    other = Cluster(endpoints=(Endpoint(address=scenario.other),))
    clusters = scenario.snapshot.clusters | {"next": other, "unused": other}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters=clusters))
    return scenario


@pytest.mark.parametrize(
    ("version", "cluster"),
    [("next", "next"), ("books", "books"), ("unused", "unused"), ("broken", "books"), ("foreign", "books"), ("", "books")],
)
def test_the_picker_overrides_the_dice_and_fails_to_the_stable_backend(canary: "Scenario", version: str, cluster: str) -> None:
    other = canary.serve(canary.other)
    endpoints = {"books": canary.serve(), "next": other, "unused": other}
    client = canary.browser()
    canary.get(client, "/", *([f"X-Version: {version}"] if version else []))
    endpoints[cluster].connection().send(canary.ok)
    assert client.received().endswith(b"ok")
    assert canary.record().cluster == cluster
    assert len(canary.plugin_faults) == (version in {"broken", "foreign"})


def test_without_a_picker_s_word_the_weights_hold(canary: "Scenario") -> None:
    endpoints = {"books": canary.serve(), "next": canary.serve(canary.other)}
    client = canary.browser()
    asked = {"books": 0, "next": 0}
    for _ in range(200):
        canary.get(client)
        for name, endpoint in endpoints.items():
            if endpoint.connections() and endpoint.connection().received():
                asked[name] += 1
                endpoint.connection().send(canary.ok)
        assert client.received().endswith(b"ok")
    assert asked["next"] in range(1, 5)


@pytest.mark.parametrize(
    "route",
    [
        {"backends": (WeightedCluster(cluster="books"),)},
        {"backends": (WeightedCluster(cluster="books", weight=0), WeightedCluster(cluster="other", weight=0))},
    ],
)
def test_a_chain_s_picker_is_not_asked_where_there_is_no_choice(build: "Build", route: dict[str, Any]) -> None:
    class Unasked(Picker):
        def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
            raise AssertionError("there is no choice")

    plugins = host({"it": half(hauberk_backend_picker=lambda config: Unasked())})
    scenario = build(chain={"plugins": (use("it"),)}, route=route, plugins=plugins)
    client = scenario.browser()
    scenario.get(client)
    endpoint = scenario.serve()
    for connection in endpoint.connections():
        connection.send(scenario.ok)
    assert client.received()
    assert scenario.plugin_faults == []


class Prefers(Picker):
    """Keeps every request with the endpoint that its header names."""

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        for endpoint in backends[0].endpoints():
            if endpoint.address == exchange.headers.get("x-endpoint"):
                exchange.preferred = endpoint
        return None


def prefers(build: "Build", **cluster: Any) -> "Scenario":
    """One backend with two endpoints."""
    plugins = host({"it": half(hauberk_backend_picker=lambda config: Prefers())})
    scenario = build(cluster={**cluster}, route={"plugins": (use("it"),)}, plugins=plugins)
    two = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": two}))
    return scenario


def test_a_preferred_endpoint_goes_before_the_balancer_s_choice(build: "Build") -> None:
    scenario = prefers(build, load_balancing="round_robin")
    scenario.serve()
    wanted = scenario.serve(scenario.other)
    client = scenario.browser()
    for _ in range(6):
        scenario.get(client, "/", f"X-Endpoint: {scenario.other}")
        wanted.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
        assert scenario.record().upstream_host == scenario.other


def test_where_the_preferred_endpoint_cannot_be_reached_another_serves(build: "Build") -> None:
    scenario = prefers(build)
    books = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", f"X-Endpoint: {scenario.other}")
    books.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    record = scenario.record()
    assert (record.upstream_host, record.upstream_tried) == (scenario.books, scenario.other)


def test_a_request_that_waited_still_gets_the_endpoint_it_prefers(build: "Build") -> None:
    scenario = prefers(build, max_connections=1)
    books, other = scenario.serve(), scenario.serve(scenario.other)
    first, second = scenario.browser(), scenario.browser()
    scenario.get(first, "/", f"X-Endpoint: {scenario.books}")
    assert books.connection().received()
    scenario.get(second, "/", f"X-Endpoint: {scenario.other}")
    assert not other.connections()
    books.connection().send(scenario.ok)
    assert first.received().endswith(b"ok")
    assert not books.connection().is_connected(), "closing it made room"
    other.connection().send(scenario.ok)
    assert second.received().endswith(b"ok")


def test_the_next_picker_is_asked_where_one_has_no_opinion(build: "Build") -> None:
    class Silent(Picker):
        def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
            return None

    class Last(Picker):
        def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
            return backends[-1]

    halves = {
        "silent": half(hauberk_backend_picker=lambda config: Silent()),
        "last": half(hauberk_backend_picker=lambda config: Last()),
    }
    backends = (WeightedCluster(cluster="books", weight=1), WeightedCluster(cluster="next", weight=0))
    scenario = build(
        chain={"plugins": (use("last"),)}, route={"plugins": (use("silent"),), "backends": backends}, plugins=host(dict(halves))
    )
    clusters = scenario.snapshot.clusters | {"next": Cluster(endpoints=(Endpoint(address=scenario.other),))}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters=clusters))
    assert scenario.exchange(scenario.browser(), scenario.serve(scenario.other)).endswith(b"ok")
    assert scenario.record().cluster == "next"


def test_backends_say_whether_they_are_available(build: "Build") -> None:
    seen: list[list[bool]] = []

    class Looks(Picker):
        def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
            seen.append([backend.is_available() for backend in backends])
            return None

    backends = (
        WeightedCluster(cluster="books"),
        WeightedCluster(cluster="empty", weight=0),
        WeightedCluster(cluster="", weight=0),
    )
    scenario = build(
        route={"plugins": (use("it"),), "backends": backends},
        plugins=host({"it": half(hauberk_backend_picker=lambda config: Looks())}),
    )
    clusters = scenario.snapshot.clusters | {"empty": Cluster()}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters=clusters))
    assert scenario.exchange(scenario.browser(), scenario.serve()).endswith(b"ok")
    assert seen == [[True, False, False]]


class FallsBack(Picker):
    """Goes to the other backend once one has refused."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], str]] = []

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        return backends[0]

    def instead(
        self, exchange: Exchange, backends: tuple[Backend, ...], refused: tuple[Backend, ...], reason: Reason
    ) -> Backend | None:
        self.asked.append(([backend.cluster for backend in refused], reason.code))
        if exchange.headers.get("x-fail"):
            raise RuntimeError("no way out")
        return backends[len(refused) % len(backends)]


def falls_back(build: "Build", **more: Any) -> "tuple[Scenario, FallsBack]":
    """Two backends, each with a header of its own; nobody listens at the first. Args: more - of the route."""
    picker = FallsBack()
    backends = tuple(
        [WeightedCluster(cluster=name, request_headers=HeaderModifier(add=(("x-for", name),))) for name in ("books", "next")]
    )
    plugins = host(
        {"it": half(hauberk_backend_picker=lambda config: picker), "marks": half(hauberk_request_filter=lambda: Marking("m"))}
    )
    uses = (use("it"), use("marks"))
    scenario = build(route={"plugins": uses, "backends": backends, **more}, plugins=plugins)
    clusters = scenario.snapshot.clusters | {"next": Cluster(endpoints=(Endpoint(address=scenario.other),))}
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters=clusters))
    return scenario, picker


def test_what_a_backend_could_not_have_goes_to_another_as_it_came(build: "Build") -> None:
    scenario, picker = falls_back(build, rewrite=Rewrite(prefix="/new"), request_headers=HeaderModifier(add=(("x-route", "1"),)))
    other = scenario.serve(scenario.other)
    client = scenario.browser()
    client.send(b"POST /old HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
    got = other.connection().received()
    head, _, body = got.lower().partition(b"\r\n\r\n")
    assert head.startswith(b"post /new/old http/1.1\r\n"), "rewritten once"
    assert body == b"hello"
    assert [head.count(field) for field in (b"x-for: next", b"x-for: books", b"x-route: 1", b"x-way: m\r\n")] == [1, 0, 1, 1]
    other.connection().send(scenario.ok)
    assert client.received().lower().count(b"x-way: m\r\n") == 1
    record = scenario.record()
    assert (record.cluster, record.status, set(record.upstream_tried.split(","))) == ("next", 200, {scenario.books})
    assert "192.0.2.20:9080" in record.upstream_failure
    assert picker.asked == [(["books"], "connect_failed")]


def test_the_body_may_come_later(build: "Build") -> None:
    scenario, _ = falls_back(build)
    other = scenario.serve(scenario.other)
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n")
    assert other.connection().received().endswith(b"\r\n\r\n")
    client.send(b"hello")
    assert other.connection().received() == b"hello"
    other.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


@pytest.mark.parametrize(("field", "faults"), [("X-Ok: 1", 0), ("X-Fail: 1", 1)])
def test_each_backend_has_its_turn_once_and_then_the_refusal_stands(build: "Build", field: str, faults: int) -> None:
    scenario, picker = falls_back(build)
    client = scenario.browser()
    scenario.get(client, "/", field)
    assert client.received().startswith(b"HTTP/1.1 503 ")
    assert len(picker.asked) == (1 if faults else 2)
    assert len(scenario.plugin_faults) == faults
    assert scenario.record().cluster == ("books" if faults else "next")


def test_a_backend_with_an_idle_connection_takes_over_at_once(build: "Build") -> None:
    scenario, _ = falls_back(build)
    other = scenario.serve(scenario.other)
    client = scenario.browser()
    for _ in range(3):
        scenario.get(client)
        other.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")
    assert len(other.connections()) == 1
