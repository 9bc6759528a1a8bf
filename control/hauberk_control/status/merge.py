"""What to write into an object's status, given what stands there: only what differs, and nothing of other controllers'.

Pure. Statuses are plain JSON here, as the API server has them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hauberk_control.status.conditions import Status
from hauberk_control.translate.view import CONTROLLER
from hauberk_core.resources import Gateway
from hauberk_core.resources.gateway_api.references import GATEWAY_GROUP, ParentReference

Json = dict[str, Any]

BY_CONTROLLER: Final = ("parents", "ancestors")
"""Lists that several controllers share: each entry belongs to the one that it names, and the list is replaced as a whole."""

# Gateway API's own defaults, which the API server fills in.
_DEFAULTS: Final = {"group": GATEWAY_GROUP, "kind": Gateway.KIND}
_REFERENCES: Final = ("parentRef", "ancestorRef")


def merged(
    status: Status, actual: Mapping[str, Any], now: str, is_theirs: Callable[[ParentReference], bool] = lambda _: False
) -> Json | None:
    """The status to write, or None where nothing differs.

    Args: actual - what stands there; now - RFC 3339, for conditions that become something else; is_theirs - whether another
        revision of control says what stands there for a parent or an ancestor.
    """
    plain = msgspec.json.decode(msgspec.json.encode(status), type=Json)
    wanted: Json = {}
    for name, value in plain.items():
        if name not in BY_CONTROLLER:
            wanted[name] = _with_times(name, value, actual.get(name), now)
    for name in BY_CONTROLLER:
        entries = _shared(plain.get(name, []), actual.get(name) or [], now, is_theirs)
        # An empty list is written only where one of ours has to go.
        if entries or actual.get(name):
            wanted[name] = entries
    return None if _same(wanted, actual) else wanted


def shares_lists(wanted: Mapping[str, Any]) -> bool:
    """Whether it holds entries of other controllers too, so that it may only replace what it was made from."""
    return any(name in wanted for name in BY_CONTROLLER)


def _shared(ours: list[Json], actual: list[Json], now: str, is_theirs: Callable[[ParentReference], bool]) -> list[Json]:
    """The entries of others where they stand, and ours: those that stay in their places, new ones behind."""
    by_reference = {_reference(entry): entry for entry in ours}
    kept: list[Json] = []
    for entry in actual:
        if entry.get("controllerName") != CONTROLLER or is_theirs(_parent(entry)):
            kept.append(entry)
            continue
        own = by_reference.pop(_reference(entry), None)
        if own is not None:
            kept.append({**own, "conditions": _conditions(own["conditions"], entry.get("conditions"), now)})
    return [*kept, *[{**own, "conditions": _conditions(own["conditions"], None, now)} for own in by_reference.values()]]


def _reference(entry: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    for name in _REFERENCES:
        if isinstance(entry.get(name), dict):
            return tuple(sorted({**_DEFAULTS, **entry[name]}.items()))
    return ()


def _parent(entry: Mapping[str, Any]) -> ParentReference:
    return msgspec.convert(dict(_reference(entry)), ParentReference, strict=False)


def _with_times(name: str, value: Any, actual: Any, now: str) -> Any:
    """A field with the times of its conditions, also where these are inside the items of a list with names."""
    if name == "conditions":
        return _conditions(value, actual, now)
    if isinstance(value, list) and all(isinstance(item, dict) and "conditions" in item for item in value):
        before = {item.get("name"): item for item in actual or () if isinstance(item, dict)}
        return [
            {**item, "conditions": _conditions(item["conditions"], before.get(item.get("name"), {}).get("conditions"), now)}
            for item in value
        ]
    return value


def _conditions(wanted: list[Json], actual: Any, now: str) -> list[Json]:
    """Each with the time since when it is as it is."""
    before = {item.get("type"): item for item in actual or () if isinstance(item, dict)}
    timed: list[Json] = []
    for condition in wanted:
        same = before.get(condition["type"], {})
        since = same.get("lastTransitionTime") if same.get("status") == condition["status"] else None
        timed.append({**condition, "lastTransitionTime": since or now})
    return timed


def _same(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """Whether everything wanted stands there, and nothing else but empty fields."""
    return _covers(actual, wanted) and all(name in wanted or not actual[name] for name in actual)


def _covers(actual: Any, wanted: Any) -> bool:
    """Whether `actual` is `wanted`; within objects the API server may have filled in more."""
    if isinstance(wanted, dict):
        return isinstance(actual, Mapping) and all(name in actual and _covers(actual[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        if not isinstance(actual, list) or len(actual) != len(wanted):
            return False
        if all(isinstance(item, dict) and "type" in item for item in [*wanted, *actual]):
            # Conditions have no order.
            by_type = {item["type"]: item for item in actual}
            return all(item["type"] in by_type and _covers(by_type[item["type"]], item) for item in wanted)
        return all(_covers(one, other) for one, other in zip(actual, wanted, strict=True))
    return bool(actual == wanted)
