"""What a health check's configuration may say."""

from typing import Any

import pytest

from hauberk_healthcheck.config import read_rules


def test_what_is_left_out_has_its_default() -> None:
    rules = read_rules({"http": {}})
    assert (rules.asked.method, rules.asked.path, rules.asked.statuses) == ("GET", "/", [(200, 299)])
    assert (rules.interval, rules.timeout, rules.healthy_threshold, rules.unhealthy_threshold) == (10.0, 1.0, 2, 3)
    assert not rules.first_decides


def test_all_of_http() -> None:
    told = {"path": "/healthz?deep=1", "host": "a.test:80", "method": "HEAD", "headers": {"X-Probe": "1"}, "http2": True}
    rules = read_rules({"http": told | {"statuses": [204, "300-399"]}, "interval": "1m", "timeout": "5s"})
    asked = rules.asked
    assert (asked.path, asked.authority, asked.method, asked.http2) == ("/healthz?deep=1", "a.test:80", "HEAD", True)
    assert (asked.fields, asked.statuses) == ([("X-Probe", "1")], [(204, 204), (300, 399)])
    assert asked.shown == "HTTP/2 HEAD /healthz?deep=1"


def test_grpc_and_tcp() -> None:
    asked = read_rules({"grpc": {"service": "shop.Books", "authority": "books"}}).asked
    assert (asked.kind, asked.service, asked.authority, asked.http2, asked.shown) == (
        "grpc",
        "shop.Books",
        "books",
        True,
        "gRPC shop.Books",
    )
    assert read_rules({"tcp": {}}).asked.shown == "TCP"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "exactly one of"),
        ({"http": {}, "tcp": {}}, "exactly one of"),
        ({"http": {"path": "healthz"}}, "http.path"),
        ({"http": {"path": "/a b"}}, "http.path"),
        ({"http": {"path": "/a\r\nx: y"}}, "http.path"),
        ({"http": {"method": "CONNECT"}}, "tunnel"),
        ({"http": {"method": "GET /"}}, "http.method"),
        ({"http": {"host": "a b"}}, "http.host"),
        ({"http": {"headers": {"a": "b\r\nc: d"}}}, "http.headers.a"),
        ({"http": {"headers": {"a:": "b"}}}, "http.headers"),
        ({"http": {"headers": {"Host": "b"}}}, "http.host"),
        ({"http": {"headers": {f"h{number}": "1" for number in range(17)}}}, "at most 16"),
        ({"http": {"statuses": []}}, "nothing would pass"),
        ({"http": {"statuses": ["299-200"]}}, "http.statuses"),
        ({"http": {"statuses": [99]}}, "http.statuses"),
        ({"grpc": {"service": "a" * 128}}, "grpc.service"),
        ({"tcp": {}, "interval": "10ms"}, "interval"),
        ({"tcp": {}, "interval": "2h"}, "interval"),
        ({"tcp": {}, "timeout": "11s"}, "timeout"),
        ({"tcp": {}, "timeout": "0s"}, "timeout"),
        ({"tcp": {}, "interval": 5}, "duration"),
        ({"tcp": {}, "unhealthy_threshold": 0}, "unhealthy_threshold"),
        ({"tcp": {}, "paths": []}, "paths"),
    ],
)
def test_what_is_wrong_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_rules(config)
