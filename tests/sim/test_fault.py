"""Faults on purpose, on virtual time."""

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_fixtures import GivenEntry, use

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.observe.record import Record
from hauberk_core.observe.text_line import TextLine
from hauberk_core.plugin.data import Counter, Exchange, Pause, Reply, Services
from hauberk_core.plugin.host import data_host
from hauberk_fault import plugin
from hauberk_fault.data import FaultFilter, http_status_of

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

ALL = {"value": 100}
NONE = {"value": 0}
DELAY = {"fixedDelay": "2s", "percentage": ALL}
ABORT = {"httpStatus": 418, "percentage": ALL}


@pytest.fixture(params=["chain", "route"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def faulty(build: "Build", place: str, **config: object) -> "Scenario":
    uses = (use("fault", msgspec.json.encode(config).decode()),)
    host = data_host([GivenEntry("fault", plugin)])
    return build(chain={"plugins": uses}, plugins=host) if place == "chain" else build(route={"plugins": uses}, plugins=host)


def test_an_abort_asks_no_endpoint(build: "Build", place: str) -> None:
    scenario = faulty(build, place, abort=ABORT)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 418 ")
    assert b"hauberk-reason: fault_injected\r\n" in answer
    assert endpoint.connections() == []
    record = scenario.record()
    assert (record.status, record.response_flags(), record.details) == (418, "FI", "fault")
    assert scenario.plugin_count("fault", "aborts") == 1


def test_a_delay_shows_in_log_and_metric(build: "Build", place: str) -> None:
    scenario = faulty(build, place, delay=DELAY)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(1.9)
    assert endpoint.connections() == []
    scenario.advance(0.2)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    record = scenario.record()
    assert (record.status, record.reason, record.response_flags()) == (200, None, "DI")
    assert b" 200 DI via_upstream " in TextLine().line(record)
    assert scenario.plugin_count("fault", "delays") == 1


def test_a_request_may_meet_both(build: "Build", place: str) -> None:
    scenario = faulty(build, place, delay=DELAY, abort=ABORT)
    scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(1.9)
    assert client.received() == b""
    scenario.advance(0.2)
    assert client.received().startswith(b"HTTP/1.1 418 ")
    assert scenario.record().response_flags() == "DI,FI"


def test_a_share_of_nothing_is_nothing(build: "Build", place: str) -> None:
    scenario = faulty(build, place, delay=DELAY | {"percentage": NONE}, abort=ABORT | {"percentage": NONE})
    assert scenario.exchange(scenario.browser(), scenario.serve()).endswith(b"ok")
    assert scenario.record().response_flags() == "-"


@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_abort_may_pass_for_success(build: "Build", status: int) -> None:
    scenario = faulty(build, "route", abort=ABORT | {"httpStatus": status})
    client = scenario.browser()
    scenario.get(client)
    assert client.received().startswith(f"HTTP/1.1 {status} ".encode())


def test_a_client_that_speaks_no_grpc_is_told_what_is_nearest(build: "Build") -> None:
    scenario = faulty(build, "route", abort={"grpcStatus": "UNAVAILABLE", "percentage": ALL})
    client = scenario.browser()
    scenario.get(client)
    assert client.received().startswith(b"HTTP/1.1 503 ")
    assert http_status_of(2) == 500


class Never(Counter):
    def add(self, number: int = 1) -> None:
        pass


class Drawing(Services):
    """Draws what it is told to."""

    def __init__(self, *drawn: float) -> None:
        self.drawn = list(drawn)

    def random(self) -> float:
        return self.drawn.pop(0)

    def counter(self, name: str) -> Counter:
        return Never()


UNIT = st.floats(0, 1, exclude_max=True)


@given(UNIT, UNIT, st.floats(0, 1), st.floats(0, 1))
def test_each_fault_takes_its_share_whatever_the_other_does(first: float, second: float, delay: float, abort: float) -> None:
    exchange = Exchange(Request("GET", "a.test", "/", "", 11, Headers()), Record(), "")
    answer = FaultFilter(Drawing(first, second), delay, 1.0, abort, Reply(500)).request(exchange)
    assert isinstance(answer, Pause) == (second < delay)
    aborted = answer.then if isinstance(answer, Pause) else answer
    assert (aborted is not None) == (first < abort)
    assert exchange.record.flags == ("DI" if second < delay else "")
