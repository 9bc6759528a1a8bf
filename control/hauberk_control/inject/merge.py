"""Lays what a pod says of a container over what injection would make of it: the pod wins.

So people change ours where they need to, and a second pass over a pod finds its own work, with what other webhooks have added,
and leaves it.
"""

from typing import Final

from hauberk_control.inject.json_object import JsonObject

# Lists whose items are known by a member, as in Kubernetes' strategic merge.
_KEYS: Final = {"env": "name", "volumeMounts": "mountPath", "ports": "containerPort"}
# Of each of these only one may stand in an object.
_EXCLUSIVE: Final = (
    frozenset(("httpGet", "tcpSocket", "grpc", "exec", "sleep")),
    frozenset(("value", "valueFrom")),
)


def merge(template: JsonObject, given: JsonObject) -> JsonObject:
    """`given`, and of `template` what it does not say.

    Order: members and items of `given` stay where they are, the template's come behind, so that nothing moves that was there.
    """
    merged: JsonObject = {}
    for name, value in given.items():
        ours = template.get(name)
        if value is None and ours is not None:
            # The API server takes null for nothing.
            merged[name] = ours
        elif isinstance(value, dict) and isinstance(ours, dict):
            merged[name] = merge(ours, value)
        elif isinstance(value, list) and isinstance(ours, list) and name in _KEYS:
            merged[name] = _merge_items(ours, value, _KEYS[name])
        else:
            merged[name] = value
    for name, value in template.items():
        if name not in given and not _excluded(name, given):
            merged[name] = value
    return merged


def _excluded(name: str, given: JsonObject) -> bool:
    return any(name in group and not group.isdisjoint(given) for group in _EXCLUSIVE)


def _merge_items(template: list[object], given: list[object], key: str) -> list[object]:
    ours = {item[key]: item for item in template if isinstance(item, dict)}
    merged: list[object] = []
    for item in given:
        known_by = item.get(key) if isinstance(item, dict) else None
        own = ours.pop(known_by, None) if isinstance(known_by, str | int) else None
        merged.append(merge(own, item) if isinstance(item, dict) and own is not None else item)
    return [*merged, *ours.values()]
