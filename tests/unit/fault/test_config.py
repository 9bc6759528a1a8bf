"""What a fault may be, and what is said about one that is wrong."""

import pytest

from hauberk_core.plugin.control import PolicyUse
from hauberk_fault.config import GRPC_STATUSES, read_fault
from hauberk_fault.control import hauberk_policy

HALF = {"value": 50}


def test_both_faults_are_read() -> None:
    read = read_fault(
        {"delay": {"fixedDelay": "1.5s", "percentage": {"value": 0.1}}, "abort": {"httpStatus": 503, "percentage": HALF}}
    )
    assert read.delay is not None
    assert (read.delay.fixed_delay.seconds, read.delay.percentage.value) == (1.5, 0.1)
    assert read.abort is not None
    assert (read.abort.http_status, read.abort.grpc_status, read.abort.percentage.value) == (503, None, 50.0)


@pytest.mark.parametrize("name", GRPC_STATUSES)
def test_every_grpc_status_has_its_name(name: str) -> None:
    grpc = pytest.importorskip("grpc")
    assert GRPC_STATUSES[name] == getattr(grpc.StatusCode, name).value[0]
    assert read_fault({"abort": {"grpcStatus": name, "percentage": HALF}}).abort is not None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "neither a delay nor an abort"),
        ({"abort": {"percentage": HALF}}, "exactly one of httpStatus and grpcStatus"),
        ({"abort": {"percentage": HALF, "httpStatus": 500, "grpcStatus": "ABORTED"}}, "exactly one of httpStatus and grpcStatus"),
        ({"abort": {"percentage": HALF, "grpcStatus": "BROKEN"}}, "none of CANCELLED, UNKNOWN"),
        ({"abort": {"percentage": HALF, "httpStatus": 199}}, "httpStatus"),
        ({"abort": {"httpStatus": 500}}, "percentage"),
        ({"abort": {"httpStatus": 500, "percentage": {"value": 101}}}, "percentage.value"),
        ({"delay": {"fixedDelay": "0s", "percentage": HALF}}, "more than 0s and at most 1h"),
        ({"delay": {"fixedDelay": "61m", "percentage": HALF}}, "more than 0s and at most 1h"),
        ({"delay": {"fixedDelay": 5, "percentage": HALF}}, "fixedDelay"),
        ({"delay": {"fixedDelay": "5s"}}, "percentage"),
        ({"delays": {}}, "delays"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy("HTTPRoute", config)


def test_a_service_fails_where_it_is_called() -> None:
    config: dict[str, object] = {"abort": {"httpStatus": 500, "percentage": HALF}}
    assert hauberk_policy("Service", config) == PolicyUse(at_callers=True)
    assert hauberk_policy("Gateway", config) == PolicyUse()
