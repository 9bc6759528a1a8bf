"""Changes to headers in the proxy's terms."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import HeaderModifier
from hauberk_core.resources.istio.virtual_service import HeaderOperations, Headers

_AUTHORITY: Final = ("host", ":authority")
# Envoy's commands in values: %REQ(x-user)%, %START_TIME%.
_COMMAND: Final = re.compile(r"%[A-Z][A-Z_]+(?:\([^)]*\))?(?::[0-9]+)?%")


class HeaderChanges(NamedTuple):
    """What `headers` of a rule, or of one of its destinations, says."""

    request: HeaderModifier | None = None
    response: HeaderModifier | None = None
    authority: str = ""
    """What the destination is asked for, where Host is changed as a header."""


def header_changes(told: Headers | None, path: Path, mistakes: list[Mistake]) -> HeaderChanges:
    """Read them. Args: path - of the field."""
    if told is None:
        return HeaderChanges()
    request, authority = _without_authority(told.request, (*path, "request"), mistakes)
    response, other = _without_authority(told.response, (*path, "response"), mistakes)
    if other:
        mistakes.append(Mistake((*path, "response", "set"), "a response has no authority", "change it in request"))
    return HeaderChanges(request, response, authority)


def _without_authority(told: HeaderOperations | None, path: Path, mistakes: list[Mistake]) -> tuple[HeaderModifier | None, str]:
    if told is None:
        return None, ""
    authority = ""
    for name, value in told.set.items():
        if name.lower() in _AUTHORITY:
            authority = value
    for field, names in (("add", list(told.add)), ("remove", list(told.remove))):
        for name in names:
            if name.lower() in _AUTHORITY:
                message = "a request has exactly one authority, which can be set and nothing else"
                mistakes.append(Mistake((*path, field), message, "write it in set, or in rewrite.authority"))
    for field, values in (("set", told.set), ("add", told.add)):
        for name, value in values.items():
            found = _COMMAND.search(value)
            if found is not None:
                message = f"{quote(found[0])} is a command of Envoy's, and is sent as it stands"
                mistakes.append(Mistake((*path, field, name), message, "write a fixed text", "warning"))
    changes = HeaderModifier(
        remove=tuple([name for name in told.remove if name.lower() not in _AUTHORITY]), set=_pairs(told.set), add=_pairs(told.add)
    )
    return (None if changes == HeaderModifier() else changes), authority


def _pairs(told: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, value) for name, value in told.items() if name.lower() not in _AUTHORITY])
