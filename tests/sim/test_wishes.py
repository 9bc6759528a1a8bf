"""What filters want before a head goes on: pauses, whole bodies, and bodies that are left alone."""

from typing import TYPE_CHECKING, Any

import pytest
from plugin_fixtures import filters_host, use

from hauberk_core.plugin.data import LEAVE_BODY, AsyncFilter, Exchange, Pause, Reason, Reply, SyncFilter, Whole, Wish
from hauberk_core.proxy import holding
from hauberk_core.sim.waiting import Gate

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

CHUNKED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wanting(SyncFilter):
    """Wants what it is told to, of requests and of responses."""

    def __init__(self, request: Reply | Wish | None = None, response: Reply | Wish | None = None) -> None:
        self.on_request = request
        self.on_response = response

    def request(self, exchange: Exchange) -> Reply | Wish | None:
        return self.on_request

    def response(self, exchange: Exchange) -> Reply | Wish | None:
        return self.on_response


class Counting(SyncFilter):
    """Leaves bodies alone unless they are of a certain kind; makes the others upper case."""

    def request(self, exchange: Exchange) -> Wish | None:
        return None if exchange.headers.get("x-mine") else LEAVE_BODY

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        return chunk.upper()

    def response(self, exchange: Exchange) -> Wish | None:
        return None if exchange.headers.get("x-mine") else LEAVE_BODY

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        return chunk.upper()


class Refusing(SyncFilter):
    """Answers as soon as a body has an x."""

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        return Reply(413, b"no x\n", reason=Reason.BODY_TOO_LARGE) if b"x" in chunk else chunk


@pytest.fixture(params=["chain", "route"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def having(build: "Build", made: SyncFilter, place: str, *others: SyncFilter) -> "Scenario":
    filters = {"a": made} | {chr(ord("b") + number): other for number, other in enumerate(others)}
    plugins = filters_host(**{name: (lambda config, made=made: made) for name, made in filters.items()})
    places: dict[str, Any] = {place: {"plugins": tuple([use(name) for name in filters])}}
    return build(plugins=plugins, **places)


def post(scenario: "Scenario", body: bytes, *fields: bytes) -> Any:
    client = scenario.browser()
    head = b"\r\n".join([b"POST / HTTP/1.1", b"Host: a.test", b"Content-Length: %d" % len(body), *fields, b"", b""])
    client.send(head + body)
    return client


def test_a_pause_holds_one_exchange_and_nobody_else(build: "Build", place: str) -> None:
    made = Wanting(Pause(2.0))
    scenario = having(build, made, place)
    endpoint = scenario.serve()
    client = post(scenario, b"abc")
    scenario.run()
    assert endpoint.connections() == []
    made.on_request = None
    assert scenario.exchange(scenario.browser(), endpoint).endswith(b"ok")
    scenario.advance(1.9)
    assert client.received() == b""
    scenario.advance(0.2)
    assert endpoint.connection().received().endswith(b"\r\n\r\nabc")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert scenario.core.room.pauses == 0


def test_a_pause_may_end_with_an_answer(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Pause(1.0, Reply(418, b"tea\n", reason=Reason.FAULT_INJECTED))), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.advance(0.5)
    assert client.received() == b""
    scenario.advance(1.0)
    assert client.received().endswith(b"tea\n")
    assert endpoint.connections() == []
    assert scenario.log() == [(418, "fault_injected")]


def test_a_response_pauses_too(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(response=Pause(1.0)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(scenario.ok)
    assert client.received() == b""
    scenario.advance(1.1)
    assert client.received().endswith(b"ok")
    assert scenario.log() == [(200, "")]


def test_a_pause_may_be_longer_than_other_exchanges_may_stand_still(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Pause(300.0), Pause(300.0)), place)
    endpoint = scenario.serve()
    client = post(scenario, b"abc")
    scenario.advance(299)
    assert endpoint.connections() == []
    scenario.advance(2)
    endpoint.connection().send(scenario.ok)
    scenario.advance(299)
    assert client.received() == b""
    scenario.advance(2)
    assert client.received().endswith(b"ok")


def test_a_client_that_goes_ends_the_pause(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Pause(5.0)), place)
    scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    scenario.run()
    assert scenario.core.room.pauses == 1
    client.reset()
    scenario.run()
    assert (scenario.core.room.pauses, scenario.core.exchanges()) == (0, 0)
    scenario.advance(10)


def test_beyond_the_bound_nobody_pauses(build: "Build", place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = having(build, Wanting(Pause(5.0)), place)
    scenario.core.room.pauses = holding.MOST_PAUSES
    endpoint = scenario.serve()
    assert scenario.exchange(scenario.browser(), endpoint).endswith(b"ok")
    scenario.core.room.pauses = 0


def test_a_whole_request_goes_out_when_it_is_complete_with_its_length(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(100)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"3\r\nabc\r\n")
    scenario.run()
    assert endpoint.connections() == []
    assert scenario.core.room.octets == 3
    client.send(b"2\r\nde\r\n0\r\n\r\n")
    scenario.run()
    request = endpoint.connection().received()
    # Until it is over it takes room, wherever the octets are.
    assert scenario.core.room.octets == 5
    assert b"Content-Length: 5\r\n" in request
    assert request.endswith(b"\r\n\r\nabcde")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")
    assert scenario.core.room.octets == 0
    # And one without a body does not wait for anything.
    assert scenario.exchange(client, endpoint).endswith(b"ok")


def test_a_whole_request_whose_client_waits_for_100_continue(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(100)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert client.received() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    scenario.run()
    request = endpoint.connection().received()
    assert b"xpect" not in request
    assert request.endswith(b"abc")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_whole_request_that_is_announced_too_long_is_refused_before_it_comes(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(4)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n")
    assert client.received().startswith(b"HTTP/1.1 413 ")
    assert endpoint.connections() == []
    assert scenario.core.room.octets == 0


def test_a_whole_request_that_turns_out_too_long_is_refused(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(4)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n")
    assert client.received().startswith(b"HTTP/1.1 413 ")
    assert endpoint.connections() == []
    assert scenario.log() == [(413, "body_too_large")]
    assert scenario.core.room.octets == 0


def test_where_there_is_no_room_a_whole_request_is_refused(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(100)), place)
    scenario.core.room.octets = holding.MOST_OCTETS
    scenario.serve()
    client = post(scenario, b"abc")
    assert b"hauberk-reason: overflow\r\n" in client.received()
    assert scenario.core.room.octets == holding.MOST_OCTETS


def test_a_body_of_single_octets_is_kept_in_large_pieces(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(Whole(10_000)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"1\r\nx\r\n" * 10_000)
    scenario.run()
    assert scenario.core.room.octets == 10_000
    client.send(b"0\r\n\r\n")
    scenario.run()
    assert endpoint.connection().received().endswith(b"x" * 10_000)
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_whole_response_comes_at_once_with_its_length(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(response=Whole(100)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    assert client.received() == b""
    endpoint.connection().send(b"1\r\n!\r\n0\r\n\r\n")
    answer = client.received()
    assert b"Content-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\nok!")
    assert scenario.core.room.octets == 0
    assert scenario.exchange(client, endpoint).endswith(b"ok")


def test_a_response_that_is_too_long_to_be_kept_comes_as_it_does(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(response=Whole(4)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    assert client.received() == b""
    endpoint.connection().send(b"3\r\ncde\r\n")
    assert client.received().endswith(b"\r\n\r\n5\r\nabcde\r\n")
    endpoint.connection().send(b"1\r\nf\r\n0\r\n\r\n")
    assert client.received() == b"1\r\nf\r\n0\r\n\r\n"
    assert scenario.log() == [(200, "")]
    assert scenario.core.room.octets == 0


def test_a_whole_response_that_breaks_off_becomes_an_error(build: "Build", place: str) -> None:
    scenario = having(build, Wanting(response=Whole(100)), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    scenario.run()
    endpoint.connection().reset()
    assert client.received().startswith(b"HTTP/1.1 502 ")
    assert scenario.core.room.octets == 0


def test_a_body_that_is_left_alone_keeps_its_length(build: "Build", place: str) -> None:
    scenario = having(build, Counting(), place)
    endpoint = scenario.serve()
    client = post(scenario, b"abc")
    scenario.run()
    request = endpoint.connection().received()
    assert b"Content-Length: 3\r\n" in request
    assert request.endswith(b"abc")
    endpoint.connection().send(scenario.ok)
    answer = client.received()
    assert b"Content-Length: 2\r\n" in answer
    assert answer.endswith(b"ok")
    client = post(scenario, b"abc", b"x-mine: 1")
    scenario.run()
    assert b"3\r\nABC\r\n" in endpoint.connection().received()
    endpoint.connection().send(scenario.ok)
    assert b"2\r\nOK\r\n" in client.received()


def test_one_filter_leaves_the_body_and_another_takes_it(build: "Build", place: str) -> None:
    scenario = having(build, Counting(), place, Refusing())
    endpoint = scenario.serve()
    client = post(scenario, b"abc")
    scenario.run()
    assert endpoint.connection().received().endswith(b"3\r\nabc\r\n0\r\n\r\n")
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_a_filter_answers_when_the_body_is_under_way(build: "Build", place: str) -> None:
    scenario = having(build, Refusing(), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"3\r\nabc\r\n")
    scenario.run()
    assert endpoint.connection().received().endswith(b"3\r\nabc\r\n")
    client.send(b"1\r\nx\r\n")
    answer = client.received()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"no x\n")
    assert endpoint.connection().saw_end() or endpoint.connection().saw_reset()
    assert scenario.log() == [(413, "body_too_large")]


def test_a_filter_that_answers_behind_the_response_s_head_breaks_it_off(build: "Build", place: str) -> None:
    scenario = having(build, Refusing(), place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"3\r\nabc\r\n")
    scenario.run()
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert client.received().endswith(b"half")
    client.send(b"1\r\nx\r\n")
    scenario.run()
    assert not client.is_open() or client.saw_reset()
    assert scenario.log() == [(200, "body_too_large")]


class Asking(AsyncFilter):
    """Waits for its gate, and then wants what it is told to."""

    def __init__(self, wish: Wish | None, reply: Reply | None = None) -> None:
        self.gate = Gate()
        self.wish = wish
        self.reply = reply

    async def request(self, exchange: Exchange) -> Wish | None:
        await self.gate
        return self.wish

    async def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        return chunk if self.reply is None else self.reply


def asking(build: "Build", made: AsyncFilter, place: str) -> "Scenario":
    places: dict[str, Any] = {place: {"plugins": (use("it"),)}}
    return build(plugins=filters_host(it=lambda config: made), **places)


def test_an_asynchronous_filter_wants_the_whole_body(build: "Build", place: str) -> None:
    made = Asking(Whole(100_000))
    scenario = asking(build, made, place)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(CHUNKED + b"c350\r\n" + b"x" * 50_000 + b"\r\n")
    made.gate.open()
    scenario.run()
    assert endpoint.connections() == []
    client.send(b"0\r\n\r\n")
    scenario.run()
    assert endpoint.connection().received().partition(b"\r\n\r\n")[2].count(b"x") == 50_000
    endpoint.connection().send(scenario.ok)
    assert client.received().endswith(b"ok")


def test_an_asynchronous_filter_pauses_and_answers_a_body(build: "Build", place: str) -> None:
    made = Asking(Pause(1.0), Reply(418, b"tea\n"))
    scenario = asking(build, made, place)
    scenario.serve()
    client = post(scenario, b"abc")
    made.gate.open()
    scenario.advance(0.9)
    assert client.received() == b""
    scenario.advance(0.2)
    assert client.received().endswith(b"tea\n")


def test_a_filter_that_answers_with_something_else_has_failed(build: "Build", place: str) -> None:
    wrong: Any = "please"
    scenario = having(build, Wanting(wrong), place)
    scenario.serve()
    client = scenario.browser()
    scenario.get(client)
    assert b"hauberk-reason: plugin_failed\r\n" in client.received()


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_pause_is_bounded(seconds: float) -> None:
    with pytest.raises(ValueError, match="a pause lasts more than 0 and at most 3600 seconds"):
        Pause(seconds)


@pytest.mark.parametrize("limit", [-1, 64 * 1024 * 1024 + 1])
def test_what_is_kept_whole_is_bounded(limit: int) -> None:
    with pytest.raises(ValueError, match="0 to 67108864 octets"):
        Whole(limit)
