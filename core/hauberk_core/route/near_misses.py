"""Explains a decision: what won and by which rule, and why everything else lost. Serves `hauberk explain`, not traffic.

It looks at every match of the virtual host one by one, without the indexes of `find`, so that it can speak of matches that an
index never visits. Both must name the same winner; the tests hold them together.
"""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Decision
from hauberk_core.model.errors import quote
from hauberk_core.route.compiled import (
    EXACT_PATH,
    METHOD_PATH,
    PREFIX_PATH,
    STARTS_WITH_PATH,
    CompiledMatch,
    CompiledTable,
    CompiledVirtualHost,
    PathCondition,
)
from hauberk_core.route.condition import joined_value
from hauberk_core.route.host import ANY, LONGEST_HOST, WILDCARD, normal_host
from hauberk_core.route.precedence import ONLY_ONE, deciding_rule
from hauberk_core.route.query import parameters
from hauberk_core.route.recorder import Recorder

# As many as a person reads; `left_out` counts the rest.
MOST_MISSES: Final = 50


class HostMiss:
    """A configured host that is not the request's."""

    __slots__ = ("host", "virtual_host", "why")

    def __init__(self, host: str, virtual_host: str, why: str) -> None:
        self.host: Final = host
        self.virtual_host: Final = virtual_host
        self.why: Final = why


class MatchMiss:
    """A match of the chosen virtual host that did not get the request."""

    __slots__ = ("match", "route", "whys")

    def __init__(self, route: str, match: int, whys: list[str]) -> None:
        self.route: Final = route
        self.match: Final = match
        """Position among the route's matches."""
        self.whys: Final = whys
        """A sentence for each condition that does not hold; or the one rule by which the winner goes first."""


class NearMisses(Recorder):
    """The explanation of the last decision it was told of."""

    def __init__(self, limit: int = MOST_MISSES) -> None:
        self._limit: Final = limit
        self._forget()

    def _forget(self) -> None:
        self.host = ""
        """The request's host, as it was looked up."""
        self.decision: Decision | None = None
        self.virtual_host = ""
        """The chosen virtual host's name; empty if none has the host."""
        self.matched_host = ""
        """Its host that took the request's: a name, a wildcard or `*`."""
        self.winner: CompiledMatch | None = None
        self.rule = ""
        """Why the winner goes before the next match that would take the request too."""
        self.hosts: list[HostMiss] = []
        self.matches: list[MatchMiss] = []
        """Matches that lost, the nearest first."""
        self.left_out = 0
        """How many hosts and matches are not listed."""

    def decided(
        self,
        request: Request,
        table: CompiledTable,
        virtual_host: CompiledVirtualHost | None,
        winner: CompiledMatch | None,
        decision: Decision,
    ) -> None:
        """Explain the decision, forgetting the one before."""
        self._forget()
        self.decision = decision
        self.host = normal_host(request.authority)
        self._explain_hosts(table)
        if virtual_host is not None:
            self.virtual_host = virtual_host.name
            self._explain_matches(request, virtual_host)

    def _explain_hosts(self, table: CompiledTable) -> None:
        for host in table.hosts:
            if _takes_host(host, self.host) and (not self.matched_host or _is_more_specific(host, self.matched_host)):
                self.matched_host = host
        for host, virtual_host in table.hosts.items():
            if host == self.matched_host:
                continue
            if len(self.hosts) >= self._limit:
                self.left_out += 1
                continue
            self.hosts.append(HostMiss(host, virtual_host.name, self._why_not_host(host)))

    def _why_not_host(self, host: str) -> str:
        if _takes_host(host, self.host):
            return f"{quote(self.matched_host)} is more specific"
        if not host.startswith(WILDCARD):
            return "it is another name"
        if self.host == host[2:]:
            return "a wildcard takes the names below its domain, not the domain itself"
        return f"the name does not end with {quote(host[1:])}"

    def _explain_matches(self, request: Request, virtual_host: CompiledVirtualHost) -> None:
        found = parameters(request.query)
        distances: list[tuple[int, int]] = []
        for match in virtual_host.matches:
            distance = _distance(match, request, found)
            if distance == 0 and self.winner is None:
                self.winner = match
            else:
                distances.append((distance, match.order))
                if distance == 0 and not self.rule and self.winner is not None:
                    self.rule = deciding_rule(self.winner.rank, match.rank)
        if self.winner is not None and not self.rule:
            self.rule = ONLY_ONE
        distances.sort()
        self.left_out += max(0, len(distances) - self._limit)
        for distance, order in distances[: self._limit]:
            match = virtual_host.matches[order]
            if distance == 0 and self.winner is not None:
                whys = [deciding_rule(self.winner.rank, match.rank)]
            else:
                whys = _unmet(match, request, found)
            self.matches.append(MatchMiss(match.route, match.rank[-1], whys))


def _takes_host(pattern: str, host: str) -> bool:
    if pattern == ANY:
        return True
    if len(host) > LONGEST_HOST:
        return False
    if pattern.startswith(WILDCARD):
        return len(host) > len(pattern) - 1 and host.endswith(pattern[1:])
    return host == pattern


def _is_more_specific(pattern: str, other: str) -> bool:
    """Of two patterns that take the same host: an exact name before a wildcard, the longer wildcard before the shorter."""
    if pattern.startswith("*") != other.startswith("*"):
        return other.startswith("*")
    return len(pattern) > len(other)


# A match for another path is farther than one with every other condition unmet.
_ANOTHER_PATH: Final = 1_000_000


def _distance(match: CompiledMatch, request: Request, found: dict[str, str]) -> int:
    """How far the match is from taking the request: 0 if it does."""
    distance = 0 if match.path.holds(request.path) else _ANOTHER_PATH
    if match.method and match.method != request.method:
        distance += 1
    for condition in match.headers:
        if not condition.holds(joined_value(request.headers, condition.name)):
            distance += 1
    for condition in match.queries:
        if not condition.holds(found.get(condition.name)):
            distance += 1
    return distance


def _unmet(match: CompiledMatch, request: Request, found: dict[str, str]) -> list[str]:
    """A sentence for each condition that does not hold."""
    whys: list[str] = []
    if not match.path.holds(request.path):
        whys.append(f"the path is {quote(request.path)}, the match wants {_describe_path(match.path)}")
    if match.method and match.method != request.method:
        whys.append(f"the method is {quote(request.method)}, the match wants {quote(match.method)}")
    for condition in match.headers:
        value = joined_value(request.headers, condition.name)
        if not condition.holds(value):
            whys.append(condition.describe_miss("header", value))
    for condition in match.queries:
        value = found.get(condition.name)
        if not condition.holds(value):
            whys.append(condition.describe_miss("query parameter", value))
    return whys


def _describe_path(path: PathCondition) -> str:
    if path.kind == EXACT_PATH:
        return f"exactly {quote(path.value)}"
    if path.kind == PREFIX_PATH:
        return f"{quote(path.value)} or a path below it"
    if path.kind == STARTS_WITH_PATH:
        return f"a path that starts with {quote(path.value)}"
    if path.kind == METHOD_PATH:
        return f"a service's, then {quote(path.value)}"
    return f"one that matches the regular expression {quote(path.value)}"
