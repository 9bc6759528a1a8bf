"""The how-to on circuit breaking is true: its commands are run as they stand, and show what it says."""

from collections.abc import Iterator
from typing import Final

import pytest
from laptop_mesh import wait_until
from page_reader import Reader, commands_of

pytestmark = pytest.mark.e2e

PAGE: Final = "docs/how-to/circuit-breaking.md"
(UP, JOIN, RULE, ASK, LOOK, LIMIT, ALL_AT_ONCE) = commands_of(PAGE)
CODE: Final = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reading = Reader(tmp_path_factory.mktemp("reader"))
    try:
        reading.starts_mesh(UP)
        joined = reading.leave_running(JOIN, "join")
        wait_until(lambda: " serves http://" in joined.read_text(), "ratings")
        yield reading
    finally:
        reading.leaves()


def test_a_slow_service_opens_its_circuit_and_the_command_says_why(reader: Reader) -> None:
    reader.types(RULE)
    # Before the route is there, the gateway's other route answers.
    wait_until(lambda: "ratings" in reader.types("hauberk circuits").stdout, "the rule at the gateway")
    assert reader.types(ASK).stdout.split() == ["504", "504", "504", "503", "503"]
    shown = reader.types(LOOK).stdout
    assert "open for " in shown
    assert "GET /ratings/0: upstream_timeout: 3 of 502, 503 and 504 in a row (consecutiveGatewayErrors)" in shown


def test_a_limit_refuses_at_once(reader: Reader) -> None:
    reader.leave_running(f"cd shop\n{LIMIT}", "limit")
    wait_until(lambda: reader.types(f"{CODE}/reviews/0").stdout == "200", "reviews")
    wait_until(lambda: "reviews-v1" in reader.types("hauberk circuits").stdout, "the rule at the gateway")
    wait_until(lambda: reader.types(ALL_AT_ONCE).stdout.split() == ["1", "200", "3", "503"], "one answer and three refusals")
    assert "http2MaxRequests" in reader.types("hauberk circuits").stdout
