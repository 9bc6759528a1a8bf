"""Dashboards as Grafana takes them: nothing lies over anything else, and nothing has another's number."""

import itertools
import json
from typing import Any

import pytest

from hauberk_cli.install.monitoring.dashboards import DASHBOARDS
from hauberk_cli.install.monitoring.grafana import Dashboard


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.name)
def test_panels_have_places_and_numbers_of_their_own(page: Dashboard) -> None:
    written: dict[str, Any] = json.loads(json.dumps(page.json()))
    panels = written["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_every_page_has_a_name_and_an_address_of_its_own() -> None:
    assert len({page.json()["uid"] for page in DASHBOARDS}) == len({page.title for page in DASHBOARDS}) == 5
