"""Every rule for the head of a request: what is taken, how it is understood, and what is refused with which reason."""

from collections.abc import Callable

import pytest

from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY

Served = Callable[..., list[tuple[object, ...]]]


def head(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def simple(*fields: str) -> bytes:
    return head("GET / HTTP/1.1", "Host: a.test", *fields)


def lines_of(transcript: list[tuple[object, ...]]) -> object:
    assert transcript[0][0] == "request", transcript
    return transcript[0][6]


def test_a_request_without_body(served: Served) -> None:
    octets = head("GET /a%20b;c=d?e=f&g HTTP/1.1", "Host: a.test:8080", "X-One: 1", "x-TWO:2", "X-One: \t3 4 \t")
    expected = ["Host: a.test:8080", "X-One: 1", "x-TWO: 2", "X-One: 3 4"]
    assert served(octets) == [
        ("request", "GET", "a.test:8080", "/a%20b;c=d", "?e=f&g", 11, expected, NO_BODY, 0, False, ""),
        ("end", None),
    ]


def test_order_case_and_repetition_of_fields_survive(served: Served) -> None:
    fields = ["b: 1", "A: 2", "B: 3", "Cookie: x", "cookie: y", "Accept: a:b: c"]
    assert lines_of(served(head("GET / HTTP/1.1", "host: a.test", *fields))) == ["host: a.test", *fields]


def test_an_empty_value_is_kept(served: Served) -> None:
    assert lines_of(served(simple("X-Empty:", "X-Blank:  \t ", "X-Next: 1"))) == [
        "Host: a.test",
        "X-Empty: ",
        "X-Blank: ",
        "X-Next: 1",
    ]


def test_octets_above_ascii_in_values_are_kept(served: Served) -> None:
    assert lines_of(served(simple("X: caf\xe9\xff"))) == ["Host: a.test", "X: caf\xe9\xff"]


@pytest.mark.strict_http
def test_one_empty_line_before_a_request_is_skipped(served: Served) -> None:
    assert served(b"\r\n" + simple())[0][1] == "GET"


@pytest.mark.strict_http
@pytest.mark.parametrize("before", [b"\r\n\r\n", b"\n", b"\r", b" ", b"\0", b"\x16\x03\x01"])
def test_nothing_else_is_skipped(served: Served, before: bytes) -> None:
    assert served(before + simple())[-1][:2] == ("fault", "bad_request")


class TestTarget:
    @pytest.mark.parametrize(
        ("target", "path", "query"),
        [
            ("/", "/", ""),
            ("//a//b", "//a//b", ""),
            ("/?", "/", "?"),
            ("/a?b?c", "/a", "?b?c"),
            ('/a\\b|{}"<>^`', '/a\\b|{}"<>^`', ""),
            ("/%00%0d%0a", "/%00%0d%0a", ""),
        ],
    )
    def test_origin_form(self, served: Served, target: str, path: str, query: str) -> None:
        first = served(head(f"GET {target} HTTP/1.1", "Host: a.test"))[0]
        assert first[2:5] == ("a.test", path, query)

    @pytest.mark.parametrize(
        ("target", "authority", "path", "query"),
        [
            ("http://b.test", "b.test", "/", ""),
            ("HTTP://b.test:81/x?y", "b.test:81", "/x", "?y"),
            ("http://b.test?y/z", "b.test", "/", "?y/z"),
            ("http://[::1]:80/", "[::1]:80", "/", ""),
        ],
    )
    def test_absolute_form_decides_the_host(self, served: Served, target: str, authority: str, path: str, query: str) -> None:
        first = served(head(f"GET {target} HTTP/1.1", "Accept: */*", "Host: a.test"))[0]
        assert first[2:5] == (authority, path, query)
        assert first[6] == ["Accept: */*", "Host: " + authority]

    @pytest.mark.parametrize(("scheme", "understood"), [("https", True), ("http", False)])
    def test_an_https_url_needs_tls(self, served: Served, scheme: str, understood: bool) -> None:
        transcript = served(head("GET https://a.test/ HTTP/1.1", "Host: a.test"), scheme=scheme)
        assert (transcript[0][0] == "request") is understood

    def test_options_for_the_server(self, served: Served) -> None:
        assert served(head("OPTIONS * HTTP/1.1", "Host: a.test"))[0][3] == "*"
        assert served(head("OPTIONS http://a.test HTTP/1.1", "Host: a.test"))[0][3] == "*"

    def test_connect(self, served: Served) -> None:
        first = served(head("CONNECT b.test:443 HTTP/1.1", "Host: a.test"))[0]
        assert first[1:5] == ("CONNECT", "b.test:443", "", "")
        assert first[6] == ["Host: b.test:443"]

    @pytest.mark.parametrize(
        "line",
        [
            "GET * HTTP/1.1",
            "GET a HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET /caf\xe9 HTTP/1.1",
            "GET /a\x7fb HTTP/1.1",
            "GET /a\tb HTTP/1.1",
            "GET ftp://a.test/ HTTP/1.1",
            "GET http:/a HTTP/1.1",
            "GET http:///a HTTP/1.1",
            "GET http://u@a.test/ HTTP/1.1",
            "GET http://a.test:99999/ HTTP/1.1",
            "GET ://a.test/ HTTP/1.1",
            "GET a.test:443 HTTP/1.1",
            "CONNECT / HTTP/1.1",
            "CONNECT a.test HTTP/1.1",
            "CONNECT [::1] HTTP/1.1",
            "CONNECT http://a.test/ HTTP/1.1",
        ],
    )
    def test_refused(self, served: Served, line: str) -> None:
        assert served(head(line, "Host: a.test"))[0][:2] == ("fault", "bad_request")


class TestRequestLine:
    @pytest.mark.parametrize("method", ["GET", "PURGE", "get", "M-SEARCH", "!#$%&'*+-.^_`|~"])
    def test_methods_are_tokens(self, served: Served, method: str) -> None:
        assert served(head(f"{method} / HTTP/1.1", "Host: a.test"))[0][1] == method

    @pytest.mark.parametrize(
        "line",
        [
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET /",
            "GET",
            "GET HTTP/1.1",
            "G@T / HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1",
            "GET / HTTP/01.1",
            "GET / HTTP/1.1.1",
            "GET / HTTP/ 1.1",
            "GET / FTP/1.1",
            "G\0T / HTTP/1.1",
            "GET /\rHTTP/1.1",
        ],
    )
    def test_malformed(self, served: Served, line: str) -> None:
        assert served(head(line, "Host: a.test"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    @pytest.mark.parametrize("line", ["GET / HTTP/1.2", "GET / HTTP/2.0", "PRI * HTTP/2.0", "GET / HTTP/0.9"])
    def test_other_versions(self, served: Served, line: str) -> None:
        assert served(head(line, "Host: a.test"))[0][:2] == ("fault", "version_not_supported")

    @pytest.mark.strict_http
    def test_a_method_of_endless_length(self, served: Served) -> None:
        assert served(head("A" * 33 + " / HTTP/1.1", "Host: a.test"))[0][:2] == ("fault", "not_implemented")

    @pytest.mark.strict_http
    def test_a_bad_line_is_told_before_the_head_is_complete(self, served: Served) -> None:
        assert served(b"GET /\r\n")[0][:2] == ("fault", "bad_request")
        assert served(b"GET / HTTP/1.1\n")[0][:2] == ("fault", "bad_request")


class TestHost:
    @pytest.mark.parametrize(
        "host", ["a", "a_b.test", "A.Test", "127.0.0.1", "[::1]", "[2001:db8::1]:65535", "a.test:0", "a.test."]
    )
    def test_valid(self, served: Served, host: str) -> None:
        assert served(head("GET / HTTP/1.1", "Host: " + host))[0][2] == host

    @pytest.mark.parametrize(
        "host",
        [
            "", "a b", "a,b", "u@a", "a/b", "a?b", "a#b", "a:", "a:b", "a:65536", "a:000080", ":80", "[::1", "::1",
            "[::g]", "[1.2.3.4]",
            "[::1%25eth0]", "[v1.x]", "a%2eb", "a:1:2", "http://a", "a\\b", "a'b", "a" * 256, "caf\xe9",
        ],
    )  # fmt: skip
    def test_invalid(self, served: Served, host: str) -> None:
        assert served(head("GET / HTTP/1.1", "Host: " + host))[0][:2] == ("fault", "bad_request")

    def test_exactly_one(self, served: Served) -> None:
        assert served(head("GET / HTTP/1.1", "A: b"))[0][:2] == ("fault", "bad_request")
        assert served(head("GET / HTTP/1.1", "Host: a", "Host: a"))[0][:2] == ("fault", "bad_request")
        assert served(head("GET http://a/ HTTP/1.1"))[0][:2] == ("fault", "bad_request")

    def test_none_is_needed_in_version_1_0(self, served: Served) -> None:
        first = served(head("GET / HTTP/1.0", "A: b"))[0]
        assert first[2] == ""
        assert first[6] == ["Host: ", "A: b"]


class TestFieldLines:
    @pytest.mark.parametrize(
        "line", ["NoColon", ": empty", "Bad[Name: x", "Blank : x", "Tab\t: x", "N\xe4me: x", "A B: x", "X: a\0b", "X: a\x0bb"]
    )
    def test_refused(self, served: Served, line: str) -> None:
        assert served(simple(line))[0][:2] == ("fault", "bad_request")
        assert served(simple(line, "Y: z"))[0][:2] == ("fault", "bad_request")
        assert served(head("GET / HTTP/1.1", line, "Host: a.test"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    @pytest.mark.parametrize("octet", [octet for octet in range(32) if octet != 9] + [127])
    def test_no_control_character_but_tab(self, served: Served, octet: int) -> None:
        assert served(simple("X: a" + chr(octet) + "b"))[0][:2] == ("fault", "bad_request")
        assert served(simple("X: a" + chr(octet)))[0][:2] == ("fault", "bad_request")
        assert served(head("GET /" + chr(octet) + " HTTP/1.1", "Host: a.test"))[0][:2] == ("fault", "bad_request")

    def test_tab_within_a_value(self, served: Served) -> None:
        assert lines_of(served(simple("X: a\tb"))) == ["Host: a.test", "X: a\tb"]

    @pytest.mark.strict_http
    @pytest.mark.parametrize(
        "octets",
        [
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tfolded\r\n\r\n",
            b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\nX: 1\r\n\r\n",
        ],
    )
    def test_folds_and_bare_line_ends(self, served: Served, octets: bytes) -> None:
        assert served(octets)[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    @pytest.mark.parametrize("name", ["Content_Length", "transfer_encoding"])
    def test_names_that_imitate_framing(self, served: Served, name: str) -> None:
        assert served(simple(name + ": 1"))[0][:2] == ("fault", "bad_request")
        assert lines_of(served(simple("X_Y: 1"))) == ["Host: a.test", "X_Y: 1"]


class TestFraming:
    @pytest.mark.parametrize("length", [0, 5])
    def test_counted(self, served: Served, length: int) -> None:
        transcript = served(simple(f"content-length: {length}") + b"hello"[:length])
        assert transcript[0][7:9] == (COUNTED, length)
        assert transcript[0][6] == ["Host: a.test", f"content-length: {length}"]
        assert transcript[1:] == [("data", b"hello"), ("end", None)][1 - bool(length) :]

    @pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED \t"])
    def test_chunked(self, served: Served, coding: str) -> None:
        transcript = served(simple("Transfer-Encoding: " + coding) + b"5\r\nhello\r\n0\r\n\r\n")
        assert transcript[0][6:9] == (["Host: a.test"], CHUNKED, 0)
        assert transcript[1:] == [("data", b"hello"), ("end", None)]

    @pytest.mark.parametrize("value", ["", "+5", "-1", "0x5", "5x", "1 0", "1_0", "5.0", "\xb2", "9" * 21, "5;5", "1,2"])
    def test_bad_lengths(self, served: Served, value: str) -> None:
        assert served(simple("Content-Length: " + value))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    @pytest.mark.parametrize("value", ["05", "00", "5, 5", "5,5", "9" * 19])
    def test_lengths_that_others_take(self, served: Served, value: str) -> None:
        assert served(simple("Content-Length: " + value))[0][:2] == ("fault", "bad_request")

    def test_two_different_lengths(self, served: Served) -> None:
        assert served(simple("Content-Length: 5", "Content-Length: 6"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    def test_two_equal_lengths(self, served: Served) -> None:
        assert served(simple("Content-Length: 5", "Content-Length: 5"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    @pytest.mark.parametrize(
        "fields", [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 0")]
    )
    def test_a_length_beside_a_coding(self, served: Served, fields: tuple[str, str]) -> None:
        assert served(simple(*fields))[0][:2] == ("fault", "bad_request")

    @pytest.mark.parametrize("coding", ["gzip", "identity", "xchunked", "gzip, chunked"])
    def test_codings_that_are_not_served(self, served: Served, coding: str) -> None:
        assert served(simple("Transfer-Encoding: " + coding))[0][:2] == ("fault", "not_implemented")

    @pytest.mark.strict_http
    @pytest.mark.parametrize(
        "coding", ["", "chunked, chunked", "chunked,", ", chunked,", "chunked;a=b", "chunked gzip", '"chunked"', "chunked, gzip"]
    )
    def test_codings_that_are_no_codings(self, served: Served, coding: str) -> None:
        assert served(simple("Transfer-Encoding: " + coding))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    def test_a_repeated_coding(self, served: Served) -> None:
        assert served(simple("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.strict_http
    def test_no_coding_in_version_1_0(self, served: Served) -> None:
        assert served(head("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked"))[0][:2] == ("fault", "bad_request")

    @pytest.mark.parametrize("field", ["Content-Length: 0", "Transfer-Encoding: chunked"])
    def test_no_body_in_connect(self, served: Served, field: str) -> None:
        assert served(head("CONNECT a:1 HTTP/1.1", "Host: a:1", field))[0][:2] == ("fault", "bad_request")


class TestHopByHop:
    def test_fields_of_this_hop_are_removed(self, served: Served) -> None:
        fields = [
            "Connection: X-Hop, keep-alive , ,Keep-Alive",
            "Keep-Alive: 5",
            "Proxy-Connection: close",
            "x-hop: 1",
            "X-Stay: 2",
        ]
        assert lines_of(served(simple(*fields, "X-HOP: 3"))) == ["Host: a.test", "X-Stay: 2"]

    def test_a_client_cannot_have_fields_removed_that_others_decide_by(self, served: Served) -> None:
        fields = ["Authorization: b", "Cookie: c", "X-Forwarded-For: d", "Content-Length: 0"]
        connection = "Connection: host, authorization, cookie, x-forwarded-for, content-length"
        assert lines_of(served(simple(connection, *fields))) == ["Host: a.test", *fields]

    @pytest.mark.parametrize(
        ("value", "kept"), [("trailers", True), ("gzip, Trailers", True), ("gzip;q=0.5", False), ("", False)]
    )
    def test_te(self, served: Served, value: str, kept: bool) -> None:
        lines = lines_of(served(simple("Connection: TE", "TE: " + value)))
        assert lines == (["Host: a.test", "TE: trailers"] if kept else ["Host: a.test"])

    def test_trailer_and_proxy_credentials_stay(self, served: Served) -> None:
        fields = ["Trailer: X-Sum", "Proxy-Authorization: Basic x"]
        assert lines_of(served(simple(*fields))) == ["Host: a.test", *fields]

    @pytest.mark.parametrize(
        ("version", "fields", "upgrade"),
        [
            ("1.1", ["Connection: Upgrade", "Upgrade: websocket"], "websocket"),
            ("1.1", ["Upgrade: websocket", "Connection: keep-alive, upgrade"], "websocket"),
            ("1.1", ["Upgrade: websocket"], ""),
            ("1.1", ["Connection: upgrade"], ""),
            ("1.0", ["Connection: upgrade", "Upgrade: websocket"], ""),
            ("1.1", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"], ""),
            ("1.1", ["Connection: upgrade", "Upgrade: HTTP/2.0"], ""),
        ],
    )
    def test_upgrade(self, served: Served, version: str, fields: list[str], upgrade: str) -> None:
        first = served(head("GET / HTTP/" + version, "Host: a.test", *fields))[0]
        assert first[6] == ["Host: a.test"]
        assert first[10] == upgrade

    def test_no_upgrade_of_a_request_with_a_body(self, served: Served) -> None:
        first = served(simple("Connection: upgrade", "Upgrade: chat", "Content-Length: 5"))[0]
        assert first[10] == ""

    @pytest.mark.strict_http
    @pytest.mark.parametrize("value", ["a b", "close;x", '"close"', ",".join("abcdefghijklmnopqrstuvwxyzABCDEFGH")])
    def test_malformed_connection(self, served: Served, value: str) -> None:
        assert served(simple("Connection: " + value))[0][:2] == ("fault", "bad_request")


class TestExpect:
    def test_continue(self, served: Served) -> None:
        transcript = served(simple("Expect: 100-Continue", "Content-Length: 5"))
        assert transcript[0][9] is True
        assert transcript[0][6] == ["Host: a.test", "Expect: 100-Continue", "Content-Length: 5"]

    @pytest.mark.parametrize(("version", "length"), [("1.1", "0"), ("1.0", "5")])
    def test_it_has_no_meaning_without_a_body_or_in_version_1_0(self, served: Served, version: str, length: str) -> None:
        octets = head("POST / HTTP/" + version, "Host: a.test", "Expect: 100-continue", "Content-Length: " + length)
        first = served(octets)[0]
        assert first[9] is False
        assert first[6] == ["Host: a.test", "Content-Length: " + length]

    @pytest.mark.parametrize("value", ["200-ok", "100-continue, x"])
    def test_anything_else_fails(self, served: Served, value: str) -> None:
        assert served(simple("Expect: " + value, "Content-Length: 5"))[0][:2] == ("fault", "expectation_failed")


class TestLimits:
    def test_request_line(self, served: Served) -> None:
        fits = "GET /" + "a" * 86 + " HTTP/1.1"
        assert len(fits) == 100
        assert served(head(fits, "Host: a"), request_line_bytes=100)[0][0] == "request"
        assert served(head(fits, "Host: a"), request_line_bytes=99)[0][:2] == ("fault", "line_too_long")

    @pytest.mark.strict_http
    def test_a_request_line_without_end(self, served: Served) -> None:
        transcript = served(b"GET /" + b"a" * 600, request_line_bytes=99)
        assert transcript[0][:2] == ("fault", "line_too_long")
        assert "limits.request_line_bytes" in str(transcript[0][2])

    @pytest.mark.strict_http
    @pytest.mark.parametrize("complete", [True, False])
    def test_head_octets(self, served: Served, complete: bool) -> None:
        fixed = len(simple("X-Large: ", "X: 1"))
        fits = simple("X-Large: " + "a" * (1024 - fixed), "X: 1")
        assert len(fits) == 1024
        assert served(fits, head_bytes=1024)[0][0] == "request"
        transcript = served(
            simple("X-Large: " + "a" * (1025 - fixed), "X: 1") if complete else fits[:-4] + b"aaaaa", head_bytes=1024
        )
        assert transcript[0][:2] == ("fault", "head_too_large")
        for word in ("X-Large", "1,024", "limits.head_bytes"):
            assert word in str(transcript[0][2])

    def test_header_count(self, served: Served) -> None:
        fields = [f"X-{number}: 1" for number in range(9)]
        assert served(simple(*fields), header_count=10)[0][0] == "request"
        transcript = served(simple(*fields, "X-Largest: 123456789"), header_count=10)
        assert transcript[0][:2] == ("fault", "head_too_large")
        for word in ("X-Largest", "11", "limits.header_count"):
            assert word in str(transcript[0][2])

    @pytest.mark.strict_http
    def test_a_long_name(self, served: Served) -> None:
        assert lines_of(served(simple("a" * 256 + ": 1"))) == ["Host: a.test", "a" * 256 + ": 1"]
        assert served(simple("a" * 257 + ": 1"))[0][:2] == ("fault", "head_too_large")

    def test_the_largest_head_in_single_octets_takes_linear_time(self, served: Served) -> None:
        octets = simple(*("X-" + str(number) + ": " + "a" * 1500 for number in range(40)))
        assert 60_000 < len(octets) < 65_536
        assert served(octets)[0][0] == "request"
