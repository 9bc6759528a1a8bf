"""What is written into a status: the difference, with times that say since when, and others' entries as they are."""

from typing import Any, Final

import msgspec
import pytest

from hauberk_control.status.conditions import Condition, ListenerStatus, ParentStatus, Status, fails, holds
from hauberk_control.status.merge import merged, shares_lists
from hauberk_control.translate.view import CONTROLLER
from hauberk_core.resources.gateway_api.references import ParentReference

NOW: Final = "2026-11-23T12:00:00Z"
LATER: Final = "2026-11-23T13:00:00Z"
OTHERS: Final = {"parentRef": {"name": "theirs"}, "controllerName": "example.com/other", "conditions": [{"type": "Accepted"}]}


def parent(name: str, condition: Condition) -> ParentStatus:
    return ParentStatus(parent_ref=ParentReference(name=name), controller_name=CONTROLLER, conditions=(condition,))


def write(status: Status, actual: dict[str, Any], now: str = NOW) -> dict[str, Any]:
    """What stands there after the status was written, if it was."""
    found = merged(status, actual, now)
    return actual if found is None else found


def test_a_condition_has_the_time_since_when_it_is_so() -> None:
    first = write(Status(conditions=(holds("Accepted", "Accepted", 1),)), {})
    other_reason = write(Status(conditions=(holds("Accepted", "InPart", 2, "but"),)), first, LATER)
    not_so = write(Status(conditions=(fails("Accepted", "Invalid", 3, "no"),)), other_reason, LATER)

    assert [found["conditions"][0]["lastTransitionTime"] for found in (first, other_reason, not_so)] == [NOW, NOW, LATER]
    assert other_reason["conditions"][0]["observedGeneration"] == 2


def test_what_stands_there_is_not_written_again() -> None:
    status = Status(
        conditions=(holds("Accepted", "Accepted", 1), holds("Programmed", "Programmed", 1)),
        listeners=(
            ListenerStatus(name="http", supported_kinds=(), attached_routes=2, conditions=(holds("Accepted", "Accepted", 1),)),
        ),
    )
    written = write(status, {})

    assert merged(status, written, LATER) is None
    # In another order, and with what the API server fills in.
    shuffled = msgspec.json.decode(msgspec.json.encode(written))
    shuffled["conditions"].reverse()
    shuffled["listeners"][0]["filledIn"] = True
    shuffled["addresses"] = []
    assert merged(status, shuffled, LATER) is None


def test_listeners_have_times_of_their_own() -> None:
    def status(condition: Condition) -> Status:
        named = [("a", holds("Accepted", "Accepted", 1)), ("b", condition)]
        listeners = [ListenerStatus(name=name, supported_kinds=(), attached_routes=0, conditions=(each,)) for name, each in named]
        return Status(listeners=tuple(listeners))

    first = write(status(holds("Accepted", "Accepted", 1)), {})
    second = write(status(fails("Accepted", "PortUnavailable", 1, "")), first, LATER)

    assert [each["conditions"][0]["lastTransitionTime"] for each in second["listeners"]] == [NOW, LATER]


def test_the_first_status_of_a_gateway_replaces_what_the_api_server_puts_there() -> None:
    waiting = {
        "type": "Accepted",
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for controller",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    written = write(Status(conditions=(holds("Accepted", "Accepted", 1),)), {"conditions": [waiting]})

    assert written["conditions"][0]["lastTransitionTime"] == NOW


def test_parents_of_other_controllers_are_untouched() -> None:
    status = Status(parents=(parent("edge", holds("Accepted", "Accepted", 1)),))
    written = write(status, {"parents": [OTHERS]})

    assert written["parents"][0] == OTHERS
    assert written["parents"][1]["controllerName"] == CONTROLLER
    assert shares_lists(written)
    assert merged(status, written, LATER) is None
    assert write(Status(), written)["parents"] == [OTHERS]


def test_a_parent_is_the_same_with_the_defaults_that_the_api_server_fills_in() -> None:
    status = Status(parents=(parent("edge", holds("Accepted", "Accepted", 1)),))
    written = write(status, {})
    written["parents"][0]["parentRef"] |= {"group": "gateway.networking.k8s.io", "kind": "Gateway"}

    assert merged(status, written, LATER) is None
    changed = write(Status(parents=(parent("edge", holds("Accepted", "Accepted", 2)),)), written, LATER)
    assert changed["parents"][0]["conditions"][0]["lastTransitionTime"] == NOW


def test_two_references_to_one_gateway_are_told_apart_by_section() -> None:
    def status(second: Condition) -> Status:
        sections = [("http", holds("Accepted", "Accepted", 1)), ("https", second)]
        parents = [
            ParentStatus(
                parent_ref=ParentReference(name="edge", section_name=section), controller_name=CONTROLLER, conditions=(condition,)
            )
            for section, condition in sections
        ]
        return Status(parents=tuple(parents))

    first = write(status(holds("Accepted", "Accepted", 1)), {})
    second = write(status(fails("Accepted", "NotAllowedByListeners", 1, "")), first, LATER)

    assert [each["conditions"][0]["lastTransitionTime"] for each in second["parents"]] == [NOW, LATER]


def test_a_route_that_was_never_ours_gets_nothing() -> None:
    assert merged(Status(), {"parents": [OTHERS]}, NOW) is None
    assert merged(Status(), {}, NOW) is None


@pytest.mark.parametrize("actual", [{"conditions": "x"}, {"conditions": [1]}, {"parents": [{}]}, {"listeners": {"a": 1}}])
def test_whatever_somebody_wrote_there_is_replaced(actual: dict[str, Any]) -> None:
    status = Status(
        conditions=(holds("Accepted", "Accepted", 1),),
        listeners=(ListenerStatus(name="a", supported_kinds=(), attached_routes=0, conditions=()),),
    )
    written = write(status, actual)

    assert written["conditions"][0]["lastTransitionTime"] == NOW
