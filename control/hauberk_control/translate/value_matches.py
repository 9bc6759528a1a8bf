"""Conditions on headers and query parameters, in the proxy's terms."""

from collections.abc import Sequence
from typing import Literal

from hauberk_core.model.route import ValueMatch
from hauberk_core.resources.gateway_api.header_filter import HttpHeaderMatch
from hauberk_core.resources.gateway_api.http_route import HttpQueryParamMatch


def value_matches(conditions: Sequence[HttpHeaderMatch | HttpQueryParamMatch], by_case: bool) -> tuple[ValueMatch, ...]:
    """Of several conditions with one name the first counts. Args: by_case - whether names that differ in case are two."""
    found: dict[str, ValueMatch] = {}
    for condition in conditions:
        kind: Literal["exact", "regex"] = "exact" if condition.type == "Exact" else "regex"
        name = condition.name if by_case else condition.name.lower()
        found.setdefault(name, ValueMatch(name=condition.name, kind=kind, value=condition.value))
    return tuple(found.values())
