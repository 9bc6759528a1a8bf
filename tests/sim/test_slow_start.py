"""An endpoint that comes beside another begins with a small share."""

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest

from hauberk_core.model import Duration, Endpoint, Warmup

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


def shares(scenario: "Scenario", requests: int = 400) -> float:
    """The part of requests, one after the other, that the newer endpoint is asked."""
    target = scenario.core.target("books")
    assert target is not None
    cluster = target.cluster
    counts = Counter([cluster.choice.balancer.pick(cluster.endpoints()).address for _ in range(requests)])
    return counts[scenario.other] / requests


@pytest.mark.parametrize("kind", ["round_robin", "least_request"])
def test_its_share_grows_to_the_whole(build: "Build", kind: str) -> None:
    scenario = build(cluster={"load_balancing": kind, "warmup": Warmup(duration=Duration(32.0))})
    scenario.advance(100)
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=scenario.both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    # A tenth of its share beside a whole one, then half of it.
    assert shares(scenario) == pytest.approx(0.09, abs=0.05)
    scenario.advance(16.5)
    assert shares(scenario) == pytest.approx(0.33, abs=0.08)
    scenario.advance(20)
    assert shares(scenario) == pytest.approx(0.5, abs=0.08)
    target = scenario.core.target("books")
    assert target is not None
    assert [endpoint.weight for endpoint in target.cluster.endpoints()] == [1, 1]


def test_weights_hold_when_it_is_over(build: "Build") -> None:
    scenario = build(cluster={"load_balancing": "round_robin", "warmup": Warmup(duration=Duration(4.0))})
    scenario.advance(100)
    both = (Endpoint(address=scenario.books), Endpoint(address=scenario.other, weight=3))
    cluster = msgspec.structs.replace(scenario.snapshot.clusters["books"], endpoints=both)
    scenario.apply(msgspec.structs.replace(scenario.snapshot, clusters={"books": cluster}))
    assert shares(scenario) == pytest.approx(0.23, abs=0.05)
    scenario.advance(5)
    assert shares(scenario) == pytest.approx(0.75, abs=0.02)
