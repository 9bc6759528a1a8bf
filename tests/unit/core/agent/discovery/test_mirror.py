"""What a proxy holds of its configuration, through candidates, verdicts and lost streams."""

import pytest

from hauberk_core.agent.discovery.mirror import DiscoveryProtocolError, Mirror
from hauberk_core.wire_proto.configuration import Versioned
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryResponse, Node, Resource
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE

BOOKS = Versioned("1", b"books")


def response(nonce: str, version: str, removed: tuple[str, ...] = (), **clusters: str) -> DeltaDiscoveryResponse:
    made = DeltaDiscoveryResponse(
        type_url=CONFIGURATION_TYPE, nonce=nonce, system_version_info=version, removed_resources=removed
    )
    for name, text in clusters.items():
        resource = Resource(name=f"cluster/{name}", version=text)
        resource.resource.value = text.encode()
        made.resources.append(resource)
    return made


def test_the_greeting_tells_who_asks_and_what_is_held() -> None:
    request = Mirror("v1", {"cluster/books": BOOKS}).greet(Node(id="me"))

    assert request.node.id == "me"
    assert request.type_url == CONFIGURATION_TYPE
    assert dict(request.initial_resource_versions) == {"cluster/books": "1"}
    assert not request.resource_names_subscribe


def test_a_candidate_is_whole_and_counts_once_accepted() -> None:
    mirror = Mirror("v1", {"cluster/books": BOOKS, "cluster/old": BOOKS})
    mirror.greet(Node())
    candidate = mirror.receive(response("n", "v2", ("cluster/old",), music="2"))

    assert dict(candidate.resources) == {"cluster/books": BOOKS, "cluster/music": Versioned("2", b"2")}
    assert mirror.version == "v1"
    answer = mirror.accept(candidate)
    assert answer.response_nonce == "n"
    assert not answer.HasField("error_detail")
    assert (mirror.version, mirror.held) == ("v2", candidate.resources)


def test_a_refusal_changes_nothing_and_says_why() -> None:
    mirror = Mirror("v1", {"cluster/books": BOOKS})
    mirror.greet(Node())
    answer = mirror.refuse(mirror.receive(response("n", "v2", books="2")), "no" * 10_000)

    assert answer.response_nonce == "n"
    assert answer.error_detail.code == 3
    assert len(answer.error_detail.message) == 8192
    assert (mirror.version, mirror.held) == ("v1", {"cluster/books": BOOKS})


def test_a_verdict_after_the_stream_is_lost_is_told_by_the_next_greeting() -> None:
    mirror = Mirror("", {})
    mirror.greet(Node())
    candidate = mirror.receive(response("n", "v1", books="1"))
    assert mirror.undecided
    mirror.accept(candidate)

    assert not mirror.undecided
    assert dict(mirror.greet(Node()).initial_resource_versions) == {"cluster/books": "1"}


def test_a_candidate_that_nobody_looked_at_is_gone_with_its_stream() -> None:
    mirror = Mirror("v1", {"cluster/books": BOOKS})
    mirror.greet(Node())
    mirror.receive(response("n", "v2", books="2"))
    mirror.drop()

    assert dict(mirror.greet(Node()).initial_resource_versions) == {"cluster/books": "1"}
    assert dict(mirror.receive(response("n", "v2", books="2")).resources) == {"cluster/books": Versioned("2", b"2")}


@pytest.mark.parametrize(
    "wrong", [DeltaDiscoveryResponse(type_url="other", nonce="n"), DeltaDiscoveryResponse(type_url=CONFIGURATION_TYPE)]
)
def test_what_is_no_step_is_refused(wrong: DeltaDiscoveryResponse) -> None:
    mirror = Mirror("", {})
    mirror.greet(Node())
    with pytest.raises(DiscoveryProtocolError):
        mirror.receive(wrong)


def test_a_second_step_before_the_answer_is_refused() -> None:
    mirror = Mirror("", {})
    mirror.greet(Node())
    mirror.receive(response("a", "v1", books="1"))
    with pytest.raises(DiscoveryProtocolError, match="second step"):
        mirror.receive(response("b", "v2", books="2"))
