"""The client's side: what an endpoint may answer, what is a fault, and when a connection may be used again."""

from collections.abc import Callable

import pytest

from hauberk_core.http.errors import LocalProtocolError
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, TUNNEL, UNTIL_CLOSE, Fault, Request
from hauberk_core.http.h1_client import INTERIM_LIMIT, H1Client
from hauberk_core.http.h11_codec import H11Client
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine
from hauberk_core.model.listener import HttpLimits

Answered = Callable[..., list[tuple[object, ...]]]
ClientClass = type[H1Client | H11Client]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def request(method: str = "GET", framing: int = NO_BODY, length: int = 0, *fields: tuple[str, str]) -> Request:
    headers = Headers()
    headers.add("Host", "a.test")
    for name, value in fields:
        headers.add(name, value)
    made = Request(method, "a.test", "/x", "?y", 11, headers)
    made.framing = framing
    made.length = length
    return made


class TestRequests:
    def test_no_body(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        assert (
            client.send_request(request("GET", NO_BODY, 0, ("x-A", "b")))
            == b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nx-A: b\r\n\r\n"
        )
        with pytest.raises(LocalProtocolError):
            client.send_data(b"x")
        assert client.send_end(None) == b""

    def test_counted(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        head = client.send_request(request("POST", COUNTED, 5, ("Content-Length", "5")))
        assert head == b"POST /x?y HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"
        assert client.send_data(b"hell") == b"hell"
        with pytest.raises(LocalProtocolError):
            client.send_end(None)

    def test_counted_and_exceeded(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        client.send_request(request("POST", COUNTED, 5, ("Content-Length", "5")))
        with pytest.raises(LocalProtocolError):
            client.send_data(b"helloGET / HTTP/1.1\r\n\r\n")

    def test_chunked(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        trailers = Headers()
        trailers.add("X-Sum", "1")
        head = client.send_request(request("POST", CHUNKED, 0, ("Content-Length", "7")))
        assert head == b"POST /x?y HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert client.send_data(b"hello") == b"5\r\nhello\r\n"
        assert client.send_end(trailers) == b"0\r\nX-Sum: 1\r\n\r\n"

    def test_hop_by_hop_fields_are_this_hops_own(self, client_class: ClientClass) -> None:
        upgrading = request()
        upgrading.upgrade = "chat"
        assert client_class(HttpLimits()).send_request(upgrading).endswith(b"\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        trailing = request("GET", NO_BODY, 0, ("TE", "trailers"))
        assert client_class(HttpLimits()).send_request(trailing).endswith(b"\r\nTE: trailers\r\nConnection: te\r\n\r\n")

    def test_connect(self, client_class: ClientClass) -> None:
        headers = Headers()
        headers.add("Host", "b:1")
        client = client_class(HttpLimits())
        assert client.send_request(Request("CONNECT", "b:1", "", "", 11, headers)) == b"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n"

    @pytest.mark.strict_http
    def test_a_length_that_contradicts_the_head_is_not_sent(self, client_class: ClientClass) -> None:
        with pytest.raises(LocalProtocolError):
            client_class(HttpLimits()).send_request(request("POST", COUNTED, 5, ("Content-Length", "6")))

    def test_one_at_a_time(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        client.send_request(request())
        with pytest.raises(LocalProtocolError):
            client.send_request(request())


class TestResponses:
    def test_counted(self, answered: Answered) -> None:
        assert answered(
            b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 5\r\nConnection: keep-alive, x-y\r\nX-Y: 1\r\n\r\nhello"
        ) == [
            ("response", 200, "OK", 11, ["Server: x", "content-length: 5"], COUNTED, 5, ""),
            ("data", b"hello"),
            ("end", None),
        ]

    def test_counted_to_nothing(self, answered: Answered) -> None:
        assert answered(OK) == [("response", 200, "OK", 11, ["Content-Length: 0"], COUNTED, 0, ""), ("end", None)]

    def test_chunked_with_trailers(self, answered: Answered) -> None:
        octets = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\nContent-Length: 1\r\n\r\n"
        )
        assert answered(octets) == [
            ("response", 200, "OK", 11, [], CHUNKED, 0, ""),
            ("data", b"hello"),
            ("end", ["grpc-status: 0"]),
        ]

    def test_until_the_connection_closes(self, answered: Answered) -> None:
        assert answered(b"HTTP/1.0 200 OK\r\n\r\nhello", eof=True) == [
            ("response", 200, "OK", 10, [], UNTIL_CLOSE, 0, ""),
            ("data", b"hello"),
            ("end", None),
        ]
        assert answered(b"HTTP/1.1 200 OK\r\n\r\nhello")[-1] == ("data", b"hello")

    @pytest.mark.parametrize(
        ("line", "status", "reason"),
        [
            ("HTTP/1.1 404 Not Found", 404, "Not Found"),
            ("HTTP/1.1 200 ", 200, ""),
            ("HTTP/1.1 200", 200, ""),
            ("HTTP/1.1 599 \xe9\t!", 599, "\xe9\t!"),
        ],
    )
    def test_status_lines(self, answered: Answered, line: str, status: int, reason: str) -> None:
        assert answered(line.encode("latin-1") + b"\r\nContent-Length: 0\r\n\r\n")[0][1:3] == (status, reason)

    @pytest.mark.parametrize(
        ("method", "status", "fields", "kept"),
        [
            ("HEAD", "200 OK", b"Content-Length: 5\r\n", ["Content-Length: 5"]),
            ("HEAD", "200 OK", b"Transfer-Encoding: chunked\r\n", []),
            ("GET", "304 Not Modified", b"Content-Length: 5\r\n", ["Content-Length: 5"]),
            ("GET", "204 No Content", b"Content-Length: 0\r\n", []),
        ],
    )
    def test_responses_without_a_body(self, answered: Answered, method: str, status: str, fields: bytes, kept: list[str]) -> None:
        transcript = answered(b"HTTP/1.1 " + status.encode() + b"\r\n" + fields + b"\r\n", method=method)
        assert transcript[0][4:6] == (kept, NO_BODY)
        assert transcript[1:] == [("end", None)]

    def test_interim_responses_come_first(self, answered: Answered) -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        assert [entry[1] for entry in answered(interim + OK)] == [100, 103, 200, None]

    def test_too_many_interim_responses(self, answered: Answered) -> None:
        interim = b"HTTP/1.1 102 Processing\r\n\r\n"
        assert answered(interim * INTERIM_LIMIT + OK)[-1] == ("end", None)
        assert answered(interim * (INTERIM_LIMIT + 1) + OK)[-1][:2] == ("fault", "upstream_protocol")

    def test_a_switch_that_was_asked_for(self, answered: Answered) -> None:
        octets = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nraw"
        assert answered(octets, upgrade="chat, websocket") == [
            ("response", 101, "Switching Protocols", 11, [], TUNNEL, 0, "WebSocket")
        ]

    @pytest.mark.parametrize("upgrade", ["", "chat"])
    def test_a_switch_that_was_not_asked_for(self, answered: Answered, upgrade: str) -> None:
        octets = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw"
        assert answered(octets, upgrade=upgrade)[-1][:2] == ("fault", "upstream_protocol")

    def test_connect(self, answered: Answered) -> None:
        transcript = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="CONNECT")
        assert transcript == [("response", 200, "OK", 11, [], TUNNEL, 0, "")]
        assert answered(b"HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\nx", method="CONNECT")[-1] == ("end", None)

    @pytest.mark.parametrize(
        "octets",
        [
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 0200 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 200\tOK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA B: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        ],
    )
    def test_faults(self, answered: Answered, octets: bytes) -> None:
        assert answered(octets)[-1][:2] == ("fault", "upstream_protocol")

    @pytest.mark.strict_http
    @pytest.mark.parametrize(
        "octets",
        [
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 O\rK\r\n\r\n",
            b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nSet-Cookie : x\r\n\r\n",
        ],
    )
    def test_faults_that_others_take(self, answered: Answered, octets: bytes) -> None:
        assert answered(octets)[-1][:2] == ("fault", "upstream_protocol")

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nCon",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        ],
    )
    def test_the_endpoint_goes_away(self, answered: Answered, octets: bytes) -> None:
        assert answered(octets, eof=True)[-1][:2] == ("fault", "upstream_reset")

    @pytest.mark.strict_http
    def test_limits(self, answered: Answered) -> None:
        assert answered(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 600, head_bytes=512)[-1][:2] == ("fault", "upstream_protocol")
        assert answered(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 5 + b"\r\n", header_count=4)[-1][:2] == (
            "fault",
            "upstream_protocol",
        )


def exchange(client: ClientMachine, octets: bytes) -> None:
    client.send_request(request())
    client.send_end(None)
    client.receive(octets)
    while client.next_event() is not None:
        pass


class TestReuse:
    def test_one_exchange_after_another(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        for _ in range(3):
            exchange(client, OK)
            assert client.may_keep_alive()
            client.start_next_exchange()
            assert client.next_event() is None

    @pytest.mark.parametrize("octets", [OK[:-2] + b"Connection: close\r\n\r\n", OK.replace(b"1.1", b"1.0"), OK + b"x"])
    def test_not_after(self, client_class: ClientClass, octets: bytes) -> None:
        client = client_class(HttpLimits())
        exchange(client, octets)
        assert not client.may_keep_alive()

    @pytest.mark.strict_http
    def test_version_1_0_with_keep_alive(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        exchange(client, b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n")
        assert client.may_keep_alive()

    def test_not_before_the_request_is_complete(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        client.send_request(request("POST", CHUNKED))
        client.receive(OK)
        while client.next_event() is not None:
            pass
        assert not client.may_keep_alive()
        with pytest.raises(LocalProtocolError):
            client.start_next_exchange()
        client.send_end(None)
        assert client.may_keep_alive()

    def test_octets_that_answer_nothing(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        exchange(client, OK)
        client.start_next_exchange()
        client.receive(OK)
        fault = client.next_event()
        assert isinstance(fault, Fault)
        assert fault.reason.code == "upstream_protocol"
        assert client.next_event() is None
        with pytest.raises(LocalProtocolError):
            client.send_request(request())

    def test_the_endpoint_closes_an_idle_connection(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        exchange(client, OK)
        client.start_next_exchange()
        client.receive(b"")
        event = client.next_event()
        assert event is not None
        assert type(event).__name__ == "Closed"
        assert not client.may_keep_alive()

    def test_a_tunnel_keeps_what_came_early(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        asking = request()
        asking.upgrade = "chat"
        client.send_request(asking)
        client.send_end(None)
        client.receive(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nraw")
        assert client.next_event() is not None
        assert client.next_event() is None
        assert client.take_rest() == b"raw"
        assert not client.may_keep_alive()

    @pytest.mark.strict_http
    def test_no_switch_before_the_request_is_complete(self, client_class: ClientClass) -> None:
        client = client_class(HttpLimits())
        asking = request("POST", CHUNKED)
        asking.upgrade = "chat"
        client.send_request(asking)
        client.receive(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nraw")
        fault = client.next_event()
        assert isinstance(fault, Fault)
        assert fault.reason.code == "upstream_protocol"
