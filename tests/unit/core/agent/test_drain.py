"""How long a drain waits."""

import pytest

from hauberk_core.agent.drain import longest_drain
from hauberk_core.model import FilterChain, HttpTimeouts, Listener
from hauberk_core.model.duration import LONGEST_SECONDS, Duration


@pytest.mark.parametrize(("drains", "expected"), [([1.0, 45.0], 45.0), ([0.0, 5.0], LONGEST_SECONDS), ([], 30.0)])
def test_the_longest_holds_and_none_means_the_default(drains: list[float], expected: float) -> None:
    listeners = [
        Listener(address=":0", filter_chains=(FilterChain(route_table="a", timeouts=HttpTimeouts(drain=Duration(seconds))),))
        for seconds in drains
    ]
    assert longest_drain(listeners) == expected
