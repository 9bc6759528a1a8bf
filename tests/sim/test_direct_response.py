"""Answers that the configuration holds."""

from typing import TYPE_CHECKING

import pytest
from plugin_fixtures import GivenEntry, use

from hauberk_core.plugin.host import data_host
from hauberk_directresponse import plugin

if TYPE_CHECKING:
    from tests.sim.conftest import Build


@pytest.mark.parametrize("place", ["chain", "route"])
def test_everybody_gets_it_and_no_endpoint_is_asked(build: "Build", place: str) -> None:
    config = '{"status": 503, "body": {"string": "closed for today"}, "headers": {"retry-after": "3600"}}'
    settings = {"plugins": (use("directresponse", config),)}
    host = data_host([GivenEntry("directresponse", plugin)])
    scenario = build(chain=settings, plugins=host) if place == "chain" else build(route=settings, plugins=host)
    endpoint = scenario.serve()
    client = scenario.browser()
    for _ in range(2):
        scenario.get(client)
        answer = client.received()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 3600\r\n" in answer
        assert b"hauberk-reason: direct_response\r\n" in answer
        assert answer.endswith(b"\r\n\r\nclosed for today")
    assert endpoint.connections() == []
    assert scenario.log() == [(503, "direct_response")] * 2
