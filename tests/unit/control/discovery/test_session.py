"""Scripts for one proxy's subscription: what is sent when, and what is known afterwards."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.discovery.session import MOST_NAMES, Configuration, ProtocolViolation, Refusal, Session
from hauberk_core.wire_proto.configuration import Versioned
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, Status
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE

TYPE: Final = CONFIGURATION_TYPE


def configuration(version: str, **resources: str) -> Configuration:
    """Clusters by name, with versions that are also their octets."""
    return Configuration(version, {f"cluster/{name}": Versioned(text, text.encode()) for name, text in resources.items()})


def ask(*names: str, drop: tuple[str, ...] = (), held: dict[str, str] | None = None) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(
        type_url=TYPE,
        resource_names_subscribe=names,
        resource_names_unsubscribe=drop,
        initial_resource_versions=held or {},
    )


def ack(response: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(type_url=TYPE, response_nonce=response.nonce)


def nack(response: DeltaDiscoveryResponse, reason: str) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(type_url=TYPE, response_nonce=response.nonce, error_detail=Status(code=3, message=reason))


def sent(response: DeltaDiscoveryResponse | None) -> dict[str, bytes]:
    assert response is not None
    return {resource.name: resource.resource.value for resource in response.resources}


def take(session: Session) -> DeltaDiscoveryResponse:
    response = session.next_response()
    assert response is not None
    return response


def subscribed(first: Configuration) -> Session:
    """A session whose proxy asked for everything and acknowledged it."""
    session = Session("test")
    session.receive(ask())
    session.offer(first)
    session.receive(ack(take(session)))
    return session


def test_a_new_proxy_gets_everything_once() -> None:
    session = Session("control-1")
    session.offer(configuration("v1", a="1", b="1"))
    assert session.next_response() is None  # it has not asked yet
    session.receive(ask())
    response = take(session)

    assert sent(response) == {"cluster/a": b"1", "cluster/b": b"1"}
    assert response.resources[0].resource.type_url == "type.hauberk.dev/cluster"
    assert (response.system_version_info, response.type_url) == ("v1", TYPE)
    assert response.control_plane.identifier == "control-1"
    assert not session.current
    assert session.next_response() is None  # its answer is awaited
    session.receive(ack(response))
    assert session.next_response() is None
    assert session.current
    assert session.version == "v1"
    assert dict(session.held) == {"cluster/a": "1", "cluster/b": "1"}


def test_an_empty_configuration_is_told_to_who_brings_nothing() -> None:
    session = Session("test")
    session.receive(ask())
    session.offer(configuration("v1"))

    assert sent(take(session)) == {}


def test_only_what_changed_is_sent() -> None:
    session = subscribed(configuration("v1", a="1", b="1", c="1"))
    session.offer(configuration("v2", a="1", b="2", d="1"))
    response = take(session)

    assert sent(response) == {"cluster/b": b"2", "cluster/d": b"1"}
    assert list(response.removed_resources) == ["cluster/c"]


def test_an_equal_configuration_under_another_version_is_not_sent() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="1"))

    assert session.next_response() is None
    assert session.version == "v2"
    assert session.current


def test_changes_under_way_are_merged_and_the_latest_wins() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    response = take(session)
    for number in range(3, 9):
        session.offer(configuration(f"v{number}", a=str(number)))
        assert session.next_response() is None
    session.receive(ack(response))

    assert sent(take(session)) == {"cluster/a": b"8"}


def test_nonces_are_never_used_twice() -> None:
    session = subscribed(configuration("v0", a="0"))
    nonces = set()
    for number in range(1, 20):
        session.offer(configuration(f"v{number}", a=str(number)))
        response = take(session)
        nonces.add(response.nonce)
        session.receive(ack(response))

    assert len(nonces) == 19


def test_a_refusal_is_remembered_and_not_repeated() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2", b="1"))
    session.receive(nack(take(session), "port 80 is taken"))

    assert session.refusal == Refusal("v2", "port 80 is taken")
    assert session.version == "v1"
    assert not session.current
    assert dict(session.held) == {"cluster/a": "1"}
    session.offer(configuration("v2", a="2", b="1"))
    assert session.next_response() is None


def test_after_a_refusal_the_next_configuration_comes_as_a_step_from_what_is_held() -> None:
    session = subscribed(configuration("v1", a="1", c="1"))
    session.offer(configuration("v2", a="2", b="1"))
    session.receive(nack(take(session), "no"))
    session.offer(configuration("v3", a="2", b="2"))
    response = take(session)

    assert sent(response) == {"cluster/a": b"2", "cluster/b": b"2"}
    assert list(response.removed_resources) == ["cluster/c"]
    session.receive(ack(response))
    assert session.refusal is None
    assert session.current


def test_a_refused_change_that_is_taken_back_is_told_by_an_empty_step() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    session.receive(nack(take(session), "no"))
    session.offer(configuration("v1", a="1"))
    response = take(session)

    assert sent(response) == {}
    assert not response.removed_resources
    session.receive(ack(response))
    assert session.refusal is None
    assert session.current
    assert session.next_response() is None


def test_who_refuses_without_a_reason_is_told_so() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    session.receive(nack(take(session), ""))

    assert session.refusal == Refusal("v2", "no reason was given")


def test_a_long_reason_is_shortened() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    session.receive(nack(take(session), "x" * 100_000))

    assert session.refusal is not None
    assert len(session.refusal.reason) == 8192


def test_answers_to_something_older_are_ignored() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    response = take(session)
    session.receive(DeltaDiscoveryRequest(type_url=TYPE, response_nonce="1"))
    session.receive(DeltaDiscoveryRequest(type_url=TYPE, response_nonce="777", error_detail=Status(code=3, message="no")))

    assert session.waiting
    assert session.refusal is None
    session.receive(ack(response))
    assert session.current


def test_who_comes_back_unchanged_gets_nothing() -> None:
    session = Session("test")
    session.receive(ask(held={"cluster/a": "1", "cluster/b": "1"}))
    session.offer(configuration("v1", a="1", b="1"))

    assert session.next_response() is None
    assert session.current
    assert session.version == "v1"


def test_who_comes_back_gets_the_difference() -> None:
    session = Session("test")
    session.receive(ask(held={"cluster/a": "1", "cluster/b": "1", "cluster/gone": "1"}))
    session.offer(configuration("v1", a="1", b="2", new="1"))
    response = take(session)

    assert sent(response) == {"cluster/b": b"2", "cluster/new": b"1"}
    assert list(response.removed_resources) == ["cluster/gone"]


def test_a_subscription_by_name_gets_those_names() -> None:
    session = Session("test")
    session.receive(ask("cluster/a", "cluster/missing"))
    session.offer(configuration("v1", a="1", b="1"))
    response = take(session)

    assert sent(response) == {"cluster/a": b"1"}
    assert list(response.removed_resources) == ["cluster/missing"]
    assert session.take_strange_names() == ["cluster/missing"]
    assert session.take_strange_names() == []
    session.receive(ack(response))
    session.offer(configuration("v2", a="1", b="2", missing="1"))
    assert sent(take(session)) == {"cluster/missing": b"1"}


def test_who_asks_again_gets_it_again() -> None:
    session = Session("test")
    session.receive(ask("cluster/a"))
    session.offer(configuration("v1", a="1"))
    session.receive(ack(take(session)))
    session.receive(ask("cluster/a"))

    assert sent(take(session)) == {"cluster/a": b"1"}


def test_what_is_given_up_is_not_sent_any_more() -> None:
    session = Session("test")
    session.receive(ask("cluster/a", "cluster/b"))
    session.offer(configuration("v1", a="1", b="1"))
    response = take(session)
    session.receive(ask(drop=("cluster/b",)))
    session.receive(ack(response))
    session.offer(configuration("v2", a="1", b="2"))

    assert session.next_response() is None
    assert dict(session.held) == {"cluster/a": "1"}


def test_a_name_given_up_under_everything_is_told_once_more() -> None:
    session = subscribed(configuration("v1", a="1", b="1"))
    session.receive(ask(drop=("cluster/a",)))

    assert sent(take(session)) == {"cluster/a": b"1"}


def test_everything_can_be_given_up() -> None:
    session = Session("test")
    session.receive(ask("*", "cluster/a"))
    session.offer(configuration("v1", a="1", b="1"))
    session.receive(ack(take(session)))
    session.receive(ask(drop=("*",)))
    assert dict(session.held) == {"cluster/a": "1"}
    session.offer(configuration("v2", a="2", b="2"))

    assert sent(take(session)) == {"cluster/a": b"2"}


def test_a_step_that_cannot_be_sent_counts_as_refused() -> None:
    session = subscribed(configuration("v1", a="1"))
    session.offer(configuration("v2", a="2"))
    take(session)
    session.refuse_step("too large")

    assert session.refusal == Refusal("v2", "too large")
    assert session.next_response() is None


def test_another_type_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match=r"type\.hauberk\.dev/configuration"):
        Session("test").receive(DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.config.cluster.v3.Cluster"))


def test_versions_may_be_brought_along_at_first_only() -> None:
    session = subscribed(configuration("v1", a="1"))
    with pytest.raises(ProtocolViolation, match="first request"):
        session.receive(ask(held={"cluster/a": "0"}))


def test_names_are_bounded() -> None:
    session = Session("test")
    with pytest.raises(ProtocolViolation, match="more than"):
        session.receive(ask(*[f"cluster/{number}" for number in range(MOST_NAMES + 1)]))


NAMES = st.lists(st.sampled_from(["*", "cluster/a", "cluster/b", "certificate/of-another", ""]), max_size=3)
REQUESTS = st.builds(
    DeltaDiscoveryRequest,
    type_url=st.just(TYPE),
    resource_names_subscribe=NAMES,
    resource_names_unsubscribe=NAMES,
    initial_resource_versions=st.one_of(
        st.just({}), st.dictionaries(st.sampled_from(["cluster/a", "x"]), st.sampled_from(["1", ""]))
    ),
    response_nonce=st.sampled_from(["", "1", "2", "3"]),
    error_detail=st.one_of(st.none(), st.builds(Status, message=st.text(max_size=5))),
)


@given(st.lists(REQUESTS, max_size=12))
def test_whatever_is_asked_only_what_is_meant_for_the_proxy_is_sent(requests: list[DeltaDiscoveryRequest]) -> None:
    session = Session("test")
    meant = configuration("v1", a="1", b="2")
    session.offer(meant)
    for request in requests:
        try:
            session.receive(request)
        except ProtocolViolation:
            return
        response = session.next_response()
        if response is not None:
            assert set(sent(response)) <= set(meant.resources)
            assert not set(sent(response)) & set(response.removed_resources)
            assert session.next_response() is None
