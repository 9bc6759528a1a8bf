"""Limits of rates, on virtual time."""

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from plugin_fixtures import GivenEntry, use

from hauberk_core.plugin.host import data_host
from hauberk_ratelimit import plugin
from tests.sim.conftest import make_snapshot

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

TWO = {"requests": 2, "per": "10s"}


def uses(*limits: dict[str, Any], **config: object) -> tuple[Any, ...]:
    return (use("ratelimit", msgspec.json.encode({"limits": limits, **config}).decode()),)


def limited(build: "Build", *limits: dict[str, Any], place: str = "route", **config: object) -> "Scenario":
    settings: dict[str, Any] = {place: {"plugins": uses(*limits, **config)}}
    return build(plugins=data_host([GivenEntry("ratelimit", plugin)]), **settings)


class Asking:
    """A scenario with an endpoint that answers."""

    def __init__(self, scenario: "Scenario") -> None:
        self.scenario = scenario
        self._endpoint = scenario.serve()

    def ask(self, *fields: str) -> tuple[int, dict[str, str]]:
        """One request by a new client. Returns: status and fields of its answer."""
        client = self.scenario.browser()
        self.scenario.get(client, "/", *fields)
        answer = client.received()
        if not answer:
            self._endpoint.connection().send(self.scenario.ok)
            answer = client.received()
        head = answer.partition(b"\r\n\r\n")[0].decode()
        pairs = re.findall(r"^([^:\r\n]+): (.*?)\r?$", head, re.MULTILINE)
        return int(head[9:12]), {name.lower(): value for name, value in pairs}


@pytest.mark.parametrize("place", ["chain", "route"])
def test_what_is_too_much_is_refused_until_there_is_room_again(build: "Build", place: str) -> None:
    scenario = limited(build, TWO, place=place)
    asking = Asking(scenario)
    assert asking.ask()[0] == 200
    status, fields = asking.ask()
    assert (status, fields["ratelimit-policy"], fields["ratelimit"]) == (200, '"default";q=2;w=10', '"default";r=0;t=10')
    status, fields = asking.ask()
    assert (status, fields["retry-after"], fields["ratelimit"]) == (429, "5", '"default";r=0;t=5')
    assert (fields["ratelimit-policy"], fields["hauberk-reason"]) == ('"default";q=2;w=10', "rate_limited")
    scenario.advance(4.9)
    assert asking.ask()[0] == 429
    scenario.advance(0.2)
    assert asking.ask()[0] == 200
    assert asking.ask()[0] == 429
    scenario.run()
    refused = [record for record in scenario.records if record.status == 429]
    assert {record.response_flags() for record in refused} == {"RL"}
    assert scenario.plugin_count("ratelimit", "limited") == len(refused) == 3


def test_each_client_has_its_own_and_those_without_a_name_share_one(build: "Build") -> None:
    scenario = limited(build, TWO | {"requests": 1, "by": [{"header": "x-user"}]})
    asking = Asking(scenario)
    assert [asking.ask(*fields)[0] for fields in (["x-user: a"], ["x-user: b"], ["x-user: a"], [], [])] == [
        200,
        200,
        429,
        200,
        429,
    ]


def test_a_request_has_to_be_within_all_limits_and_what_one_refuses_is_not_taken_off_the_other(build: "Build") -> None:
    each = {"name": "each", "requests": 1, "per": "10s", "by": [{"header": "x-user"}]}
    scenario = limited(build, TWO | {"name": "all"}, each)
    asking = Asking(scenario)
    status, fields = asking.ask("x-user: a")
    assert (status, fields["ratelimit"]) == (200, '"all";r=1;t=5, "each";r=0;t=10')
    assert asking.ask("x-user: a")[0] == 429
    assert asking.ask("x-user: b")[0] == 200
    status, fields = asking.ask("x-user: c")
    assert (status, fields["ratelimit"]) == (429, '"all";r=0;t=5')


def test_without_headers_nothing_is_told(build: "Build") -> None:
    scenario = limited(build, TWO | {"requests": 1}, headers=False)
    asking = Asking(scenario)
    assert "ratelimit" not in asking.ask()[1]
    status, fields = asking.ask()
    assert (status, fields["retry-after"], "ratelimit" in fields) == (429, "10", False)


def test_a_trial_refuses_nobody_and_counts(build: "Build") -> None:
    scenario = limited(build, TWO | {"requests": 1}, enforce=False)
    asking = Asking(scenario)
    assert [asking.ask()[0] for _ in range(4)] == [200] * 4
    assert scenario.plugin_count("ratelimit", "tolerated") == 3


def test_what_was_counted_outlives_a_change_of_the_limit(build: "Build") -> None:
    scenario = limited(build, TWO)
    asking = Asking(scenario)
    assert [asking.ask()[0] for _ in range(3)] == [200, 200, 429]
    scenario.apply(make_snapshot(route={"plugins": uses(TWO, headers=False)}))
    assert asking.ask()[0] == 429
    # Also while nobody limits anything.
    scenario.apply(make_snapshot())
    assert asking.ask()[0] == 200
    scenario.apply(make_snapshot(route={"plugins": uses(TWO)}))
    assert asking.ask()[0] == 429
    scenario.advance(5.1)
    assert asking.ask()[0] == 200


def test_uses_of_one_group_count_together(build: "Build") -> None:
    host = data_host([GivenEntry("ratelimit", plugin)])
    together = uses(TWO | {"requests": 3}, group="shop")
    scenario = build(chain={"plugins": together}, route={"plugins": together}, plugins=host)
    asking = Asking(scenario)
    # Each request is counted by the listener and by the route.
    assert [asking.ask()[0] for _ in range(2)] == [200, 429]
