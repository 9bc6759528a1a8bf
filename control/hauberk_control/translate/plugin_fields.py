"""Fields that a plugin of ours gives their effect: where it is switched off they have none, and whoever writes one is told so."""

from collections.abc import Collection
from typing import Final

from hauberk_control.translate.undone import Undone
from hauberk_core.plugin.installed import OFF_VARIABLE
from hauberk_core.resources import DestinationRule, HTTPRoute, Resource

_POLICIES: Final = (
    ("spec", "trafficPolicy"),
    ("spec", "trafficPolicy", "portLevelSettings"),
    ("spec", "subsets", "trafficPolicy"),
    ("spec", "subsets", "trafficPolicy", "portLevelSettings"),
)
_BREAKING: Final = (
    ("outlierDetection",),
    ("connectionPool", "http", "http2MaxRequests"),
    ("connectionPool", "http", "maxRetries"),
)
FIELDS: Final[dict[str, tuple[tuple[type[Resource], tuple[str, ...]], ...]]] = {
    "canary": ((HTTPRoute, ("spec", "rules", "sessionPersistence")),),
    "circuitbreaker": tuple([(DestinationRule, (*policy, *field)) for policy in _POLICIES for field in _BREAKING]),
}
"""By plugin: kinds, and written names on the way; lists are gone through."""


def fields_without(installed: Collection[str]) -> dict[type[Resource], tuple[Undone, ...]]:
    """The fields that have no effect where only these plugins are on in control."""
    found: dict[type[Resource], tuple[Undone, ...]] = {}
    for plugin, fields in FIELDS.items():
        if plugin in installed:
            continue
        message = f"it has no effect: the plugin {plugin!r} is not there, or is switched off in control"
        hint = f"start control without {plugin} in {OFF_VARIABLE}; hauberk plugin list shows what is on"
        for kind, path in fields:
            found[kind] = (*found.get(kind, ()), Undone(path, message, hint))
    return found
