"""What plugins are handed, and may hand back: nothing that could break a message."""

import pytest

from hauberk_core.http.events import CHUNKED, COUNTED, Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.observe.record import Record
from hauberk_core.plugin.data import Endpoint, Exchange, Fields, Reason, Reply


def _fields(*pairs: tuple[str, str]) -> Fields:
    headers = Headers()
    for name, value in pairs:
        headers.add(name, value)
    return Fields(headers)


def test_fields_are_looked_up_and_changed() -> None:
    fields = _fields(("Accept", "a"), ("X-One", "1"), ("x-one", "2"))
    assert (fields.get("x-one"), fields.get_all("x-one"), fields.get("none")) == ("1", ["1", "2"], None)
    assert fields.has_any(frozenset({"x-one", "other"}))
    assert not fields.has_any(frozenset({"other"}))
    fields.set("X-One", "3")
    fields.add("X-Two", "caf\xe9 \x80")
    fields.remove("Accept")
    assert fields.items() == [("X-One", "3"), ("X-Two", "caf\xe9 \x80")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x y", "1"),
        ("", "1"),
        ("x:", "1"),
        ("x" * 300, "1"),
        ("x", "a\r\nb: c"),
        ("x", "a\nb"),
        ("x", "\x00"),
        ("x", " blank"),
        ("x", "blank "),
        ("x", "\u20ac"),
        ("x", "v" * 100_000),
        ("Content-Length", "1"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("HOST", "b.test"),
    ],
)
def test_what_must_not_be_sent_is_refused(name: str, value: str) -> None:
    fields = _fields(("accept", "a"))
    for change in (fields.set, fields.add):
        with pytest.raises(ValueError, match="header"):
            change(name, value)
    with pytest.raises(ValueError, match="header"):
        Reply(200, b"", [(name, value)])
    assert fields.items() == [("accept", "a")]


def test_the_proxy_s_own_fields_cannot_be_removed() -> None:
    with pytest.raises(ValueError, match="the proxy's own"):
        _fields(("Content-Length", "1")).remove("content-LENGTH")


@pytest.mark.parametrize(("status", "body"), [(100, b""), (600, b""), (204, b"x"), (304, b"x"), (200, b"x" * (1 << 20) + b"x")])
def test_replies_that_cannot_be_sent_are_refused(status: int, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"status|body"):
        Reply(status, body)


def test_an_exchange_shows_request_and_response() -> None:
    headers = Headers()
    headers.add("Accept", "a")
    exchange = Exchange(Request("GET", "a.test:80", "/x", "?y", 11, headers), Record(), "spiffe://td/ns/n/sa/s")
    assert (exchange.method, exchange.authority, exchange.path, exchange.query) == ("GET", "a.test:80", "/x", "?y")
    assert (exchange.scheme, exchange.status, exchange.peer_identity) == ("http", 0, "spiffe://td/ns/n/sa/s")
    exchange.headers.set("x-one", "1")
    assert headers.get("x-one") == "1"
    with pytest.raises(LookupError, match="no response yet"):
        exchange.response_headers.get("x")
    assert (exchange.endpoint, exchange.preferred) == (None, None)
    endpoint = Endpoint("192.0.2.1", 80, "192.0.2.1:80", "192.0.2.1")
    exchange.answered_with(Response(404, "", 11, Headers()), endpoint)
    assert exchange.endpoint is endpoint
    assert (exchange.status, exchange.response_headers.items()) == (404, [])
    assert exchange.record.attributes is None
    exchange.attributes["it.note"] = 7
    assert exchange.record.attributes == {"it.note": 7}


def test_fields_are_measured_and_asked_for_cookies() -> None:
    fields = _fields(("Accept", "a"), ("Cookie", "a=1; b=2"), ("Cookie", "b=3"))
    assert len(fields) == 3
    assert fields.size() == len("Accept: a\r\nCookie: a=1; b=2\r\nCookie: b=3\r\n")
    assert (fields.cookie("b"), fields.cookie("c")) == ("2", None)


def test_an_exchange_says_how_long_its_bodies_are() -> None:
    request = Request("POST", "a.test", "/", "", 11, Headers())
    exchange = Exchange(request, Record(), "")
    assert (exchange.request_length, exchange.response_length) == (0, -1)
    request.framing = CHUNKED
    assert exchange.request_length == -1
    request.framing, request.length = COUNTED, 7
    assert exchange.request_length == 7
    response = Response(200, "", 11, Headers())
    endpoint = Endpoint("192.0.2.1", 80, "192.0.2.1:80", "192.0.2.1")
    exchange.answered_with(response, endpoint)
    assert exchange.response_length == 0
    response.framing, response.length = COUNTED, 9
    assert exchange.response_length == 9
    request.method = "HEAD"
    assert exchange.response_length == -1


@pytest.mark.parametrize(("remote", "address"), [("192.0.2.7:80", "192.0.2.7"), ("[2001:db8::1]:0", "2001:db8::1"), ("", "")])
def test_an_exchange_says_who_the_client_is(remote: str, address: str) -> None:
    record = Record()
    record.downstream_remote = remote
    assert Exchange(Request("GET", "a.test", "/", "", 11, Headers()), record, "").client_address == address


def test_flags_stand_beside_the_reason_s() -> None:
    record = Record()
    exchange = Exchange(Request("GET", "a.test", "/", "", 11, Headers()), record, "")
    assert record.response_flags() == "-"
    exchange.add_flag("DI")
    assert record.response_flags() == "DI"
    exchange.add_flag("XY")
    record.reason = Reason.NO_ENDPOINT
    assert record.response_flags() == "DI,XY,UH"
    for wrong in ("", "di", "ABCDE", "A,B", "\u00c4"):
        with pytest.raises(ValueError, match="a response flag is one to four capital letters"):
            exchange.add_flag(wrong)


@pytest.mark.parametrize("status", [0, 17, -2])
def test_a_reply_s_grpc_status_is_one_of_an_error(status: int) -> None:
    with pytest.raises(ValueError, match="gRPC status is 1 to 16"):
        Reply(503, grpc_status=status)
