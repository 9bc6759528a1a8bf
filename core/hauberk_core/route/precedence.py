"""Which of several matches goes first (Gateway API, HTTPRoute, `HTTPRouteRule.matches`).

Routes that have an order of their own, as the rules of Istio's VirtualService, go by that first.
"""

import datetime as dt
import math
from typing import Final

EXACT: Final = 0
PREFIX: Final = 1
REGEX: Final = 2
ANY_CALL: Final = 3
"""A match for gRPC that names neither service nor method: the only one for every path that goes behind expressions."""

Rank = tuple[int, int, int, int, int, int, float, str, int, int]
"""What to sort by, one entry for each rule, the smaller the earlier: the route's order; the path's class (EXACT, PREFIX, REGEX,
ANY_CALL); minus the prefix's characters or, where it is none, those of a gRPC call's service and method (0 where there are none);
0 with a method, else 1; minus the header matches; minus the query matches; the route's `age`, its name and its position; the
match's position in it.
"""

_RULES: Final[tuple[str, ...]] = (
    "the routes have an order, and this one goes first",
    "an exact path goes before a prefix, a prefix before a regular expression, these before any call of gRPC",
    "the longer path prefix, or service and method of a gRPC call, goes first",
    "a match with a method goes before one without",
    "more header matches go first",
    "more query matches go first",
    "the older route goes first",
    "the smaller route name goes first",
    "the route that the configuration lists earlier goes first",
    "the match that the route lists earlier goes first",
)
ONLY_ONE: Final = "no other match takes this request"


def age(created: str) -> float:
    """An RFC 3339 time as seconds since 1970. A route without one counts as the youngest.

    Raises: ValueError if `created` is no such time.
    """
    return dt.datetime.fromisoformat(created).timestamp() if created else math.inf


def deciding_rule(winner: Rank, loser: Rank) -> str:
    """The first criterion by which `winner` goes before `loser`, as a sentence for a person."""
    for index in range(len(_RULES)):
        if winner[index] != loser[index]:
            return _RULES[index]
    raise ValueError("two matches of one virtual host never have the same rank")
