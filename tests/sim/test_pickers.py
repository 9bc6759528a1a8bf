"""Plugins that choose among a route's weighted backends."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from plugin_fixtures import half, host, use

from hauberk_core.model import Cluster, Endpoint, WeightedCluster
from hauberk_core.plugin.data import Backend, Exchange, Picker

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


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
                assert 0 < backend.share < 1
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
    [("next", "next"), ("books", "books"), ("unused", "books"), ("broken", "books"), ("foreign", "books"), ("", "books")],
)
def test_the_picker_overrides_the_dice_and_fails_to_the_stable_backend(canary: "Scenario", version: str, cluster: str) -> None:
    endpoints = {"books": canary.serve(), "next": canary.serve(canary.other)}
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


def test_a_route_with_one_backend_has_nothing_to_pick(build: "Build") -> None:
    class Unasked(Picker):
        def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
            raise AssertionError("there is no choice")

    scenario = build(route={"plugins": (use("it"),)}, plugins=host({"it": half(hauberk_backend_picker=lambda config: Unasked())}))
    assert scenario.exchange(scenario.browser(), scenario.serve()).endswith(b"ok")
    assert scenario.plugin_faults == []
