"""From a configuration's text to a snapshot that may be served."""

import json
from pathlib import Path

import msgspec
import pytest

from hauberk_core.config import check_whole, load_snapshot
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.route import Match, PathMatch, Route, RouteTable, VirtualHost, WeightedCluster
from hauberk_core.model.snapshot import Snapshot

EXAMPLE = Path(__file__).parents[3] / "examples" / "gateway.json"

WRONG = b"""{
  "listeners": {"web": {"address": "localhost", "filter_chains": [{"route_table": "shpo"}]}},
  "route_tables": {
    "shop": {
      "virtual_hosts": [
        {
          "name": "all",
          "hosts": ["*"],
          "routes": [
            {
              "name": "r",
              "matches": [{"path": {"kind": "regex", "value": "/(a"}}],
              "backends": []
            }
          ]
        }
      ]
    }
  },
  "clusters": {
    "reviews": {}
  }
}
"""


def test_the_example_can_be_served() -> None:
    loaded = load_snapshot(EXAMPLE.read_bytes(), "gateway.json")
    assert loaded.warnings == []
    assert set(loaded.snapshot.listeners) == {"http", "https"}


def test_mistakes_of_every_kind_are_told_where_they_stand() -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_snapshot(WRONG, "gateway.json")
    assert [(error.line, error.column, error.severity, error.path) for error in caught.value.errors] == [
        (2, 36, "error", "listeners.web.address"),
        (2, 83, "error", "listeners.web.filter_chains[0].route_table"),
        (10, 13, "warning", "route_tables.shop.virtual_hosts[0].routes[0]"),
        (12, 63, "error", "route_tables.shop.virtual_hosts[0].routes[0].matches[0].path.value"),
        (21, 5, "warning", "clusters.reviews.endpoints"),
    ]
    assert "(a" in caught.value.errors[3].message
    assert all(error.origin == "gateway.json" and error.hint for error in caught.value.errors)


def test_warnings_do_not_refuse() -> None:
    loaded = load_snapshot(b'{"clusters": {"reviews": {}}}', "x")
    (warning,) = loaded.warnings
    assert (warning.severity, warning.line, warning.column) == ("warning", 1, 15)
    assert "reviews" in loaded.snapshot.clusters


def test_an_error_is_told_however_many_warnings_stand_before_it() -> None:
    clusters: dict[str, object] = {f"c{number}": {} for number in range(2 * MOST_ERRORS)}
    clusters["last"] = {"endpoints": [{"address": "nowhere"}]}
    with pytest.raises(ConfigErrors) as caught:
        load_snapshot(json.dumps({"clusters": clusters}).encode(), "x")
    assert len(caught.value.errors) == MOST_ERRORS
    assert caught.value.errors[-1].path == "clusters.last.endpoints[0].address"


def test_an_error_of_no_text_is_told_however_many_warnings_stand_before_it() -> None:
    clusters = {f"c{number}": Cluster() for number in range(2 * MOST_ERRORS)}
    match = Match(path=PathMatch(kind="regex", value="/(a"))
    route = Route(name="r", matches=(match,), backends=(WeightedCluster(cluster="c0"),))
    table = RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=(route,)),))
    with pytest.raises(ConfigErrors) as caught:
        check_whole(Snapshot(route_tables={"shop": table}, clusters=clusters), "control")
    assert caught.value.errors[0].path.startswith("route_tables.shop")


def test_a_mistake_that_checking_and_compiling_both_see_is_told_once() -> None:
    text = b'{"route_tables": {"t": {"virtual_hosts": [{"name": "v", "hosts": ["a.test", "a.test"]}]}}}'
    with pytest.raises(ConfigErrors) as caught:
        load_snapshot(text, "x")
    assert [error.path for error in caught.value.errors] == ["route_tables.t.virtual_hosts[0].hosts[1]"]


def test_a_snapshot_that_was_no_text_is_held_to_the_same_rules() -> None:
    right = load_snapshot(EXAMPLE.read_bytes(), "x").snapshot
    assert check_whole(right, "one line") == []
    wrong = Snapshot(listeners=right.listeners)
    with pytest.raises(ConfigErrors) as caught:
        check_whole(wrong, "one line")
    assert str(caught.value).startswith(
        "one line: listeners.http.filter_chains[0].route_table: no route table is called 'bookshop'"
    )


def test_tables_of_a_snapshot_that_was_right_are_not_looked_at_again() -> None:
    def routed(pattern: str, *clusters: str) -> Snapshot:
        match = Match(path=PathMatch(kind="regex", value=pattern))
        route = Route(name="r", matches=(match,), backends=(WeightedCluster(cluster="up"),))
        table = RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=(route,)),))
        return Snapshot(route_tables={"shop": table}, clusters={name: Cluster() for name in clusters})

    wrong = routed("/(a", "up")
    check_whole(wrong, "control", before=wrong)
    with pytest.raises(ConfigErrors, match="shop"):
        check_whole(wrong, "control", before=routed("/(a", "up"))
    # A table leads to clusters, so that others may make it wrong.
    fewer = msgspec.structs.replace(wrong, clusters={})
    with pytest.raises(ConfigErrors, match="shop"):
        check_whole(fewer, "control", before=wrong)
