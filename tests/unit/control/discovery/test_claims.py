"""What a proxy may say of itself, and what not."""

import json
import math

import pytest
from mesh_world import TRUST_DOMAIN, People, make_node, node_document

from hauberk_control.discovery.claims import (
    LARGEST_NODE,
    ClaimRefused,
    UnknownProxy,
    WrongNode,
    check_claims,
    read_in_force_since,
    read_node,
    read_program,
)
from hauberk_core.identity import SpiffeId
from hauberk_core.wire_proto.discovery_pb2 import Node
from hauberk_core.wire_proto.service import IN_FORCE_FIELD, NODE_FIELD

REVIEWS = SpiffeId(TRUST_DOMAIN, "shop", "reviews")
GATEWAY = SpiffeId(TRUST_DOMAIN, "shop", "front-hauberk")


@pytest.fixture
def people() -> People:
    """A gateway, and two workloads."""
    known = People()
    known.gateways["shop", "front"] = "hauberk"
    known.workloads["shop", "reviews-v1"] = "reviews"
    known.workloads["shop", "payments-v1"] = "payments"
    return known


def test_a_sidecar_may_be_what_its_certificate_says(people: People) -> None:
    check_claims(REVIEWS, make_node("reviews-v1", "shop"), people)
    check_claims(REVIEWS, make_node("reviews-v1", "shop", identity=str(REVIEWS)), people)
    check_claims(REVIEWS, make_node("nobody-registered-this", "shop"), people)


@pytest.mark.parametrize(
    ("name", "namespace", "more", "reason"),
    [
        ("reviews-v1", "bank", {}, "namespace 'bank'"),
        ("reviews-v1", "shop", {"identity": "spiffe://mesh.test/ns/shop/sa/payments"}, "calls itself"),
        ("payments-v1", "shop", {}, "workload 'payments-v1'"),
    ],
)
def test_a_sidecar_may_be_nobody_else(people: People, name: str, namespace: str, more: dict[str, str], reason: str) -> None:
    with pytest.raises(ClaimRefused, match=reason):
        check_claims(REVIEWS, make_node(name, namespace, **more), people)


def test_a_gateway_may_be_the_one_of_its_service_account(people: People) -> None:
    check_claims(GATEWAY, make_node("shop/front", "shop", "gateway"), people)


@pytest.mark.parametrize("name", ["shop/back", "bank/front", "front", "shop/front-hauberk"])
def test_a_gateway_may_be_no_other(people: People, name: str) -> None:
    people.gateways["shop", "back"] = "hauberk"
    with pytest.raises(ClaimRefused):
        check_claims(GATEWAY, make_node(name, "shop", "gateway"), people)


def test_a_gateway_that_was_told_of_none_is_called_by_its_pod(people: People) -> None:
    people.workloads["shop", "door-x1"] = "door"
    door = SpiffeId(TRUST_DOMAIN, "shop", "door")
    check_claims(door, make_node("shop/pod/door-x1", "shop", "gateway", pod="door-x1"), people)
    for name, caller in (("shop/pod/door-x2", door), ("shop/pod/door-x1", REVIEWS), ("bank/pod/door-x1", door)):
        with pytest.raises(ClaimRefused):
            check_claims(caller, make_node(name, "shop", "gateway", pod="door-x1"), people)
    with pytest.raises(ClaimRefused):
        check_claims(door, make_node("shop/pod/door-x1", "shop", "gateway"), people)


def test_a_prefix_of_a_gateways_name_is_another_gateway(people: People) -> None:
    people.gateways["shop", "front-door"] = "hauberk"
    with pytest.raises(ClaimRefused, match="service account is 'front-door-hauberk'"):
        check_claims(SpiffeId(TRUST_DOMAIN, "shop", "front-door-hauberk"), make_node("shop/front", "shop", "gateway"), people)


def test_a_sidecars_certificate_makes_no_gateway(people: People) -> None:
    with pytest.raises(ClaimRefused):
        check_claims(REVIEWS, make_node("shop/front", "shop", "gateway"), people)


def test_a_gateway_that_is_not_there_may_come_yet(people: People) -> None:
    people.gateways.clear()
    with pytest.raises(UnknownProxy):
        check_claims(GATEWAY, make_node("shop/front", "shop", "gateway"), people)


def _message(text: str) -> Node:
    message = Node()
    message.metadata.fields[NODE_FIELD].string_value = text
    return message


def test_the_document_is_read() -> None:
    assert read_node(_message(json.dumps(node_document("reviews-v1", "shop")))) == make_node("reviews-v1", "shop")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"role": "king"}', '"' + "x" * LARGEST_NODE + '"'])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(WrongNode):
        read_node(_message(text))


def test_a_request_without_a_document_is_refused() -> None:
    with pytest.raises(WrongNode, match="metadata"):
        read_node(Node(id="x"))


@pytest.mark.parametrize(
    ("said", "read"), [(None, 0.0), (12.5, 12.5), (0.0, 0.0), (-3.0, 0.0), (math.nan, 0.0), (math.inf, 100.0), (101.0, 100.0)]
)
def test_nothing_is_in_force_since_the_future(said: float | None, read: float) -> None:
    message = Node()
    if said is not None:
        message.metadata.fields[IN_FORCE_FIELD].number_value = said
    assert read_in_force_since(message, 100.0) == read


def test_the_program_is_told_shortened() -> None:
    assert read_program(Node(user_agent_name="hauberk", user_agent_version="0.1.0")) == "hauberk 0.1.0"
    assert read_program(Node()) == ""
    assert len(read_program(Node(user_agent_name="h" * 1000))) == 64
