"""What a Gateway's owner changes in its objects: an overlay, merged as `kubectl patch` merges by default.

Objects merge by field and a null removes one. A list of objects that have names, such as containers or variables, merges by
these; any other list is replaced. Source: strategic merge patch of the Kubernetes API, as far as a gateway's objects go.
"""

from collections.abc import Mapping
from typing import Final

# By the list's field: what tells its items apart.
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "metrics": ("type",),
    "ports": ("containerPort", "port"),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}


def overlaid(base: Mapping[str, object], overlay: Mapping[str, object]) -> dict[str, object]:
    """A copy of `base` with `overlay` on top. As deep as the overlay, whose depth its reader bounds."""
    merged = dict(base)
    for name, value in overlay.items():
        known = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = overlaid(known if isinstance(known, dict) else {}, value)
        elif isinstance(value, list) and isinstance(known, list) and name in _KEYS:
            merged[name] = _merged_by_key(known, value, _KEYS[name])
        else:
            merged[name] = value
    return merged


def _merged_by_key(base: list[object], overlay: list[object], keys: tuple[str, ...]) -> list[object]:
    merged = list(base)
    for item in overlay:
        place = _place(merged, item, keys)
        if place is None or not isinstance(item, dict):
            merged.append(overlaid({}, item) if isinstance(item, dict) else item)
            continue
        known = merged[place]
        assert isinstance(known, dict)
        merged[place] = overlaid(known, item)
    return merged


def _place(items: list[object], wanted: object, keys: tuple[str, ...]) -> int | None:
    """Where the item is that has the same key."""
    if not isinstance(wanted, dict):
        return None
    for index, item in enumerate(items):
        if isinstance(item, dict) and any(key in wanted and item.get(key) == wanted[key] for key in keys):
            return index
    return None
