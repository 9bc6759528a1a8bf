"""Which media types are compressed, and how they are written."""

import pytest

from hauberk_compression.config import USUAL_TYPES
from hauberk_compression.control import hauberk_policy
from hauberk_compression.types import MediaTypes
from hauberk_core.plugin.control import PolicyUse


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "Text/HTML; charset=utf-8",
        "text/event-stream",
        "application/json;charset=utf-8",
        "application/problem+json",
        "application/atom+xml",
        "image/svg+xml",
    ],
)
def test_usual_types(content_type: str) -> None:
    assert MediaTypes(USUAL_TYPES).has(content_type)


@pytest.mark.parametrize(
    "content_type",
    ["", "image/png", "application/zip", "video/mp4", "application/jsonp", "font/woff2", "texts/html", "image/x+json"],
)
def test_others(content_type: str) -> None:
    assert not MediaTypes(USUAL_TYPES).has(content_type)


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+json", "application/grpc-web+json"])
def test_grpc_is_left_alone_whatever_is_asked_for(content_type: str) -> None:
    assert not MediaTypes(("application/*", "application/*+json", content_type)).has(content_type)


def test_what_may_be_written() -> None:
    assert hauberk_policy({}) == PolicyUse()
    assert hauberk_policy({"types": ["text/*", "application/*+json", "a/b"], "level": 9, "minBytes": 0}) == PolicyUse()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"types": []}, "types"),
        ({"types": ["text"]}, "types"),
        ({"types": ["Text/html"]}, "types"),
        ({"types": ["*/*"]}, "types"),
        ({"level": 0}, "level"),
        ({"minBytes": -1}, "minBytes"),
        ({"type": "text/*"}, "type"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy(config)
