"""Statuses of gRPC, beside those that grpcio has."""

import urllib.parse

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.grpc import status
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason


def fields(**values: str) -> Headers:
    headers = Headers()
    for name, value in values.items():
        headers.add(name.replace("_", "-"), value)
    return headers


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: str(code.name))
def test_each_status_has_grpcs_number(code: grpc.StatusCode) -> None:
    number: int = code.value[0]
    assert getattr(status, code.name) == number
    assert status.read_status(fields(grpc_status=str(number))) == number
    assert 200 <= status.http_of_status(number) < 600


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc;charset=utf-8", True),
        ("application/grpc-web", False),
        ("application/grpc-web+proto", False),
        ("application/grpcx", False),
        ("application/json", False),
        (None, False),
    ],
)
def test_which_content_is_grpc(content_type: str | None, *, expected: bool) -> None:
    assert status.is_grpc(content_type) is expected


@pytest.mark.parametrize(
    ("http", "expected"),
    [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (418, 2), (200, 2)],
)
def test_http_statuses_as_grpc_maps_them(http: int, expected: int) -> None:
    assert status.status_of_http(http) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.NO_ROUTE, grpc.StatusCode.UNIMPLEMENTED),
        (Reason.NO_HOST, grpc.StatusCode.UNIMPLEMENTED),
        (Reason.NO_BACKEND, grpc.StatusCode.UNAVAILABLE),
        (Reason.NO_ENDPOINT, grpc.StatusCode.UNAVAILABLE),
        (Reason.UPSTREAM_RESET, grpc.StatusCode.UNAVAILABLE),
        (Reason.UPSTREAM_TIMEOUT, grpc.StatusCode.DEADLINE_EXCEEDED),
        (Reason.BODY_TOO_LARGE, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Reason.CLIENT_GONE, grpc.StatusCode.CANCELLED),
        (Reason.INTERNAL, grpc.StatusCode.INTERNAL),
    ],
)
def test_reasons(reason: Reason, expected: grpc.StatusCode) -> None:
    assert status.status_of_reason(reason) == expected.value[0]


@pytest.mark.parametrize(("value", "expected"), [("", 2), ("17", 2), ("-1", 2), ("²", 2), ("100000", 2), ("0x1", 2)])
def test_what_is_no_status_is_unknown(value: str, expected: int) -> None:
    assert status.read_status(fields(grpc_status=value)) == expected


def test_no_status_is_not_known() -> None:
    assert status.read_status(fields(x="0")) == status.NOT_KNOWN


@given(st.text(max_size=300))
def test_a_message_comes_back_as_it_was(text: str) -> None:
    encoded = status.encode_message(text)
    assert encoded.isprintable()
    assert encoded.isascii()
    # A lone surrogate has no octets to be sent as.
    assert urllib.parse.unquote(encoded) == text.encode("utf-8", "replace").decode().strip(" ")


def test_a_message_without_end_is_cut() -> None:
    assert len(status.encode_message("x" * 100_000)) == 1024
