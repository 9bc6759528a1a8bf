"""What an answer of the configuration may be."""

import pytest

from hauberk_core.plugin.control import PolicyUse
from hauberk_directresponse.config import LARGEST_BODY, read_answer
from hauberk_directresponse.control import hauberk_policy


def test_a_text_has_a_content_type() -> None:
    text = {"status": 200, "body": {"string": "caf\u00e9"}}
    assert read_answer(text) == (200, "caf\u00e9".encode(), [("content-type", "text/plain; charset=utf-8")])
    assert read_answer(text | {"headers": {"Content-Type": "text/html"}})[2] == [("Content-Type", "text/html")]


def test_octets_come_in_base64() -> None:
    assert read_answer({"status": 503, "body": {"bytes": "AP8="}}) == (503, b"\x00\xff", [])


def test_a_status_is_enough() -> None:
    assert read_answer({"status": 204}) == (204, b"", [])
    assert hauberk_policy({"status": 204}) == PolicyUse()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "status"),
        ({"status": 101}, "status"),
        ({"status": 200, "body": {}}, "exactly one of string and bytes"),
        ({"status": 200, "body": {"string": "a", "bytes": "AP8="}}, "exactly one of string and bytes"),
        ({"status": 204, "body": {"string": "a"}}, "has no body"),
        ({"status": 200, "body": {"string": "a" * (LARGEST_BODY + 1)}}, "for a service to answer"),
        ({"status": 200, "body": {"bytes": "not base64"}}, "bytes"),
        ({"status": 200, "headers": {"Content-Length": "5"}}, "headers.Content-Length"),
        ({"status": 200, "headers": {"x": "a\r\nb: c"}}, "headers.x"),
        ({"status": 200, "headers": {"x y": "a"}}, "headers.x y"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy(config)
