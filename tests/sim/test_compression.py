"""Compressed responses, on virtual time."""

import gzip
from typing import TYPE_CHECKING

import pytest
from plugin_fixtures import GivenEntry, use

from hauberk_compression import data, plugin
from hauberk_core.plugin.host import data_host

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

TEXT = b"all work and no play " * 200
TAKES = "Accept-Encoding: br;q=0.1, gzip"


def compressing(build: "Build", place: str = "route", config: str = "{}") -> "Scenario":
    settings = {"plugins": (use("compression", config),)}
    host = data_host([GivenEntry("compression", plugin)])
    return build(chain=settings, plugins=host) if place == "chain" else build(route=settings, plugins=host)


def answer_to(
    scenario: "Scenario", *fields: bytes, status: int = 200, body: bytes = TEXT, ask: str = TAKES
) -> tuple[bytes, bytes]:
    """A GET, answered with these fields. Returns: head and body as they came to the client."""
    endpoint = scenario.endpoint(scenario.books)
    client = scenario.browser()
    scenario.get(client, "/", *([ask] if ask else []))
    head = [b"HTTP/1.1 %d Fine" % status, b"Content-Length: %d" % len(body), *fields, b"", b""]
    endpoint.connection().send(b"\r\n".join(head) + body)
    head_got, _, rest = client.received().partition(b"\r\n\r\n")
    endpoint.close()
    return head_got + b"\r\n", rest


def unchunked(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        found += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return found


@pytest.mark.parametrize("place", ["chain", "route"])
def test_a_text_is_compressed_for_who_takes_it(build: "Build", place: str) -> None:
    scenario = compressing(build, place)
    head, body = answer_to(
        scenario,
        b"Content-Type: text/plain; charset=utf-8",
        b'ETag: "abc"',
        b"Accept-Ranges: bytes",
        b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
        b"Vary: Cookie",
    )
    assert b"Content-Encoding: gzip\r\n" in head
    assert b'ETag: W/"abc"\r\n' in head
    assert b"Vary: Cookie\r\n" in head
    assert b"Vary: Accept-Encoding\r\n" in head
    assert b"Transfer-Encoding: chunked\r\n" in head
    for gone in (b"ranges", b"md5", b"content-length"):
        assert gone not in head.lower()
    packed = unchunked(body)
    assert gzip.decompress(packed) == TEXT
    assert scenario.plugin_count("compression", "octets_in") == len(TEXT)
    assert scenario.plugin_count("compression", "octets_out") == len(packed) < len(TEXT) // 4


@pytest.mark.parametrize("ask", ["", "Accept-Encoding: br", "Accept-Encoding: gzip;q=0", "Accept-Encoding: identity, gzip;q=0.5"])
def test_who_does_not_take_it_gets_it_as_it_is_and_caches_know(build: "Build", ask: str) -> None:
    head, body = answer_to(compressing(build), b"Content-Type: text/css", b'ETag: "abc"', ask=ask)
    assert b"Content-Encoding" not in head
    assert b"Content-Length: %d\r\n" % len(TEXT) in head
    assert b"Vary: Accept-Encoding\r\n" in head
    assert b'ETag: "abc"\r\n' in head
    assert body == TEXT


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (200, [b"Content-Type: image/png"]),
        (200, []),
        (200, [b"Content-Type: text/css", b"Content-Encoding: br"]),
        (200, [b"Content-Type: text/css", b"Cache-Control: max-age=5, No-Transform"]),
        (206, [b"Content-Type: text/css", b"Content-Range: bytes 0-4199/5000"]),
        (200, [b"Content-Type: application/grpc"]),
    ],
)
def test_what_is_left_as_it_is(build: "Build", status: int, fields: list[bytes]) -> None:
    head, body = answer_to(compressing(build), *fields, status=status)
    assert b"Content-Length: %d\r\n" % len(TEXT) in head
    assert b"gzip" not in head
    assert b"Vary" not in head
    assert body == TEXT


def test_what_is_short_is_left_as_it_is(build: "Build") -> None:
    head, body = answer_to(compressing(build), b"Content-Type: text/css", body=b"x" * 1023)
    assert (b"gzip" in head, body) == (False, b"x" * 1023)
    head, body = answer_to(compressing(build, config='{"minBytes": 10}'), b"Content-Type: text/css", body=b"x" * 10)
    assert gzip.decompress(unchunked(body)) == b"x" * 10


@pytest.mark.parametrize("vary", [b"Vary: *", b"Vary: cookie, accept-Encoding"])
def test_vary_says_it_once(build: "Build", vary: bytes) -> None:
    head, _ = answer_to(compressing(build), b"Content-Type: text/css", vary)
    assert head.lower().count(b"vary:") == 1


def test_a_weak_tag_stays(build: "Build") -> None:
    head, _ = answer_to(compressing(build), b"Content-Type: text/css", b'ETag: W/"abc"')
    assert b'ETag: W/"abc"\r\n' in head


@pytest.mark.parametrize("status", [204, 304])
def test_without_a_body_nothing_is_done(build: "Build", status: int) -> None:
    scenario = compressing(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", TAKES)
    endpoint.connection().send(b"HTTP/1.1 %d Fine\r\nContent-Type: text/css\r\n\r\n" % status)
    answer = client.received()
    assert answer.endswith(b"\r\n\r\n")
    assert b"gzip" not in answer


def test_head_hears_only_that_it_varies(build: "Build") -> None:
    scenario = compressing(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"HEAD / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 5000\r\n\r\n")
    answer = client.received()
    assert b"Vary: Accept-Encoding\r\n" in answer
    assert b"Content-Length: 5000\r\n" in answer
    assert b"gzip" not in answer


def test_streams_are_bounded_and_given_back_however_they_end(build: "Build", monkeypatch: pytest.MonkeyPatch) -> None:
    streams = data.Streams()
    monkeypatch.setattr(plugin, "Streams", lambda: streams)
    scenario = compressing(build)
    endpoint = scenario.serve()
    client = scenario.browser()
    scenario.get(client, "/", TAKES)
    endpoint.connection().send(b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert b"Content-Encoding: gzip\r\n" in client.received()
    assert streams.open == 1
    client.reset()
    scenario.run()
    assert streams.open == 0
    endpoint.close()
    streams.open = data.MOST_STREAMS
    head, body = answer_to(scenario, b"Content-Type: text/css")
    assert (b"gzip" in head, body) == (False, TEXT)
