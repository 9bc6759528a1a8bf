"""Browsers' questions about pages of other origins are answered by the proxy, as the route says."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hauberk_core.model.cors import Cors

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario

SHOP = Cors(
    allow_origins=("https://shop.test", "https://*.books.test"),
    allow_credentials=True,
    allow_methods=("GET", "PUT"),
    allow_headers=("x-one", "x-two"),
    expose_headers=("x-three", "*"),
    max_age=3600,
)
ALL = Cors(allow_origins=("*",), allow_methods=("*",), allow_headers=("*",), expose_headers=("*",))


def fields(head: bytes) -> dict[str, str]:
    lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return dict(line.lower().split(": ", 1) for line in lines)


def ask(scenario: "Scenario", origin: str, *more: str) -> tuple[bytes, dict[str, str]]:
    client = scenario.browser()
    lines = ["OPTIONS /a HTTP/1.1", "Host: a.test", f"Origin: {origin}", "Access-Control-Request-Method: PUT", *more, "", ""]
    client.send("\r\n".join(lines).encode())
    answer = client.received()
    return answer, {name: value for name, value in fields(answer).items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", ["https://shop.test", "https://www.books.test", "https://a.b.books.test:443"])
def test_a_preflight_request_of_an_allowed_origin(build: "Build", origin: str) -> None:
    scenario = build(route={"cors": SHOP})
    answer, told = ask(scenario, origin, "Access-Control-Request-Headers: x-one")
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"content-length" not in answer
    assert told == {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "get, put",
        "access-control-allow-headers": "x-one, x-two",
        "access-control-expose-headers": "x-three",
        "access-control-max-age": "3600",
    }
    assert scenario.log() == [(204, "")]


@pytest.mark.parametrize(
    "origin",
    ["http://shop.test", "https://shop.test:8443", "https://books.test", "https://evilbooks.test", "null", "", "https://shop.test.evil"],
)  # fmt: skip
def test_a_preflight_request_of_another_origin_is_allowed_nothing(build: "Build", origin: str) -> None:
    answer, told = ask(build(route={"cors": SHOP}), origin)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert told == {}


@pytest.mark.parametrize(
    ("changes", "more", "methods", "names"),
    [
        ({}, ["Access-Control-Request-Headers: x-any, y"], "put", "x-any, y"),
        ({}, [], "put", "*"),
        ({"allow_credentials": True}, [], "put", None),
        ({"allow_methods": ()}, [], None, "*"),
    ],
)
def test_stars_allow_what_is_asked_for(
    build: "Build", changes: dict[str, Any], more: list[str], methods: str | None, names: str | None
) -> None:
    _, told = ask(build(route={"cors": msgspec.structs.replace(ALL, **changes)}), "https://any.test", *more)
    assert told["access-control-allow-origin"] == "https://any.test"
    assert (told.get("access-control-allow-methods"), told.get("access-control-allow-headers")) == (methods, names)
    assert ("access-control-expose-headers" in told) == ("allow_credentials" not in changes)


def test_an_answer_says_who_may_read_it_in_the_routes_words_alone(build: "Build") -> None:
    scenario = build(route={"cors": SHOP})
    endpoint = scenario.serve()
    client = scenario.browser()
    for origin, allowed in (("https://shop.test", "https://shop.test"), ("https://evil.test", None)):
        scenario.get(client, "/", f"Origin: {origin}")
        assert f"Origin: {origin}".encode() in endpoint.connection().received()
        endpoint.connection().send(b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n")
        assert fields(client.received()).get("access-control-allow-origin") == allowed


def test_options_that_ask_for_nothing_reach_the_endpoint(build: "Build") -> None:
    scenario = build(route={"cors": SHOP})
    endpoint = scenario.serve()
    client = scenario.browser()
    client.send(b"OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://shop.test\r\n\r\n")
    assert endpoint.connection().received().startswith(b"OPTIONS / ")
    endpoint.connection().send(scenario.ok)
    assert b"access-control-allow-origin: https://shop.test" in client.received()
