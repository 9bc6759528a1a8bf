"""A route table prepared for lookups: nothing here changes after `compile_table`, and nothing grows with traffic."""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Decision
from hauberk_core.route.condition import Condition, joined_value
from hauberk_core.route.host import LONGEST_HOST, normal_host
from hauberk_core.route.precedence import Rank
from hauberk_core.route.query import NO_PARAMETERS, parameters
from hauberk_core.route.regular_expression import RegularExpression

EXACT_PATH: Final = 0
PREFIX_PATH: Final = 1
STARTS_WITH_PATH: Final = 2
REGEX_PATH: Final = 3
METHOD_PATH: Final = 4
"""Of a gRPC call: any service, and this method."""


class PathCondition:
    """The condition on the path."""

    __slots__ = ("expression", "kind", "value")

    def __init__(self, kind: int, value: str, expression: RegularExpression | None) -> None:
        self.kind: Final = kind
        self.value: Final = value
        """A prefix comes without trailing slashes; it is empty where every path is taken, `*` and CONNECT's empty one too. A
        method comes with the slash before it."""
        self.expression: Final = expression

    def holds(self, path: str) -> bool:
        """Whether `path` is taken. `CompiledVirtualHost.find` gets the same answer for many matches at once, from its indexes."""
        if self.kind == EXACT_PATH:
            return path == self.value
        if self.kind == PREFIX_PATH:
            return not self.value or path == self.value or path.startswith(self.value + "/")
        if self.kind == STARTS_WITH_PATH:
            return path.startswith(self.value)
        if self.kind == METHOD_PATH:
            # The method's slash is the second one of all.
            return path.endswith(self.value) and path.find("/", 1) == len(path) - len(self.value)
        return self.expression is not None and self.expression.matches(path)


class Outcome:
    """The decisions that a route leads to, one for each backend, and each one's share of the requests."""

    __slots__ = ("decisions", "shares")

    def __init__(self, decisions: list[Decision], shares: list[float]) -> None:
        """Pair them up.

        Args: decisions - at least one. shares - the upper end of each decision's part of [0, 1), in their order; the last is 1.
        """
        self.decisions: Final = decisions
        self.shares: Final = shares


class CompiledMatch:
    """One match of one route, with the decisions that it leads to."""

    __slots__ = (
        "decision",
        "decisions",
        "first_share",
        "headers",
        "method",
        "order",
        "path",
        "queries",
        "rank",
        "route",
        "shares",
        "unconditional",
    )

    def __init__(
        self,
        route: str,
        path: PathCondition,
        method: str,
        headers: list[Condition],
        queries: list[Condition],
        rank: Rank,
        outcome: Outcome,
    ) -> None:
        """Put a match together.

        Args: route - its name. method - empty: any. headers, queries - all must hold.
        """
        decisions = outcome.decisions
        shares = outcome.shares
        self.route: Final = route
        self.path: Final = path
        self.method: Final = method
        self.headers: Final = headers
        self.queries: Final = queries
        self.rank: Final = rank
        self.decisions: Final = decisions
        self.shares: Final = shares
        self.decision: Final = decisions[0]
        self.first_share: Final = shares[0]
        self.unconditional: Final = not method and not headers and not queries
        """Whether the path alone decides."""
        self.order = 0
        """Position among all matches of the virtual host, by precedence."""

    def takes(self, request: Request, found: dict[str, str]) -> bool:
        """Whether every condition but the path's holds.

        Args: found - the request's query parameters.
        """
        if self.method and self.method != request.method:
            return False
        for condition in self.headers:
            if not condition.holds(joined_value(request.headers, condition.name)):
                return False
        for condition in self.queries:  # noqa: SIM110 - a generator would be made for every request
            if not condition.holds(found.get(condition.name)):
                return False
        return True

    def share(self, dice: float) -> Decision:
        """The decision whose share of [0, 1) holds `dice`."""
        shares = self.shares
        for index in range(len(shares)):
            if dice < shares[index]:
                return self.decisions[index]
        return self.decisions[-1]


class CompiledVirtualHost:
    """The matches of one virtual host, indexed by path."""

    __slots__ = (
        "_asks_query",
        "_every_path",
        "_exact",
        "_expressions",
        "_in_order",
        "_longest_prefix",
        "_prefixes",
        "_starts_with",
        "matches",
        "name",
        "no_route",
    )

    def __init__(self, name: str, matches: list[CompiledMatch], no_route: Decision) -> None:
        """Index `matches`, which come in order of precedence and therefore stay so in each bucket."""
        self.name: Final = name
        self.matches: Final = matches
        self.no_route: Final = no_route
        """The decision for a request that no match takes."""
        self._exact: Final[dict[str, list[CompiledMatch]]] = {}
        self._prefixes: Final[dict[str, list[CompiledMatch]]] = {}
        self._every_path: Final[list[CompiledMatch]] = []
        self._starts_with: Final[list[CompiledMatch]] = []
        self._expressions: Final[list[CompiledMatch]] = []
        asks_query = False
        in_order = False
        longest_prefix = 0
        for order, match in enumerate(matches):
            match.order = order
            asks_query = asks_query or len(match.queries) > 0
            in_order = in_order or match.rank[0] > 0
            path = match.path
            if path.kind == EXACT_PATH:
                self._exact.setdefault(path.value, []).append(match)
            elif path.kind in (REGEX_PATH, METHOD_PATH):
                self._expressions.append(match)
            elif path.kind == STARTS_WITH_PATH:
                self._starts_with.append(match)
            elif path.value:
                self._prefixes.setdefault(path.value, []).append(match)
                longest_prefix = max(longest_prefix, len(path.value))
            else:
                self._every_path.append(match)
        self._asks_query: Final = asks_query
        self._in_order: Final = in_order
        """Routes have an order of their own: an index by paths does not tell who goes first."""
        self._longest_prefix: Final = longest_prefix

    def find(self, request: Request) -> CompiledMatch | None:
        """The first match, by precedence, that takes `request`."""
        path = request.path
        found = parameters(request.query) if self._asks_query else NO_PARAMETERS
        if self._in_order:
            return self._find_in_order(path, request, found)
        if self._exact:
            bucket = self._exact.get(path)
            if bucket is not None:
                match = _first(bucket, request, found)
                if match is not None:
                    return match
        best = self._find_prefix(path, request, found)
        for match in self._starts_with:
            if best is not None and best.order < match.order:
                break
            if path.startswith(match.path.value) and match.takes(request, found):
                best = match
                break
        for match in self._expressions:
            if best is not None and best.order < match.order:
                break
            # The cheap conditions first: an expression costs a microsecond and more.
            if match.takes(request, found) and match.path.holds(path):
                return match
        return best

    def _find_in_order(self, path: str, request: Request, found: dict[str, str]) -> CompiledMatch | None:
        """Try one match after the other."""
        for match in self.matches:
            if match.path.holds(path) and (match.unconditional or match.takes(request, found)):
                return match
        return None

    def _find_prefix(self, path: str, request: Request, found: dict[str, str]) -> CompiledMatch | None:
        """Try the path, then the path without its last element, and so on.

        Starts no deeper than the longest prefix configured: a client's path of 10,000 slashes costs no more than ours allow.
        """
        longest = self._longest_prefix
        if longest:
            end = len(path)
            if end > longest:
                end = path.rfind("/", 0, longest + 1)
            while end > 0:
                bucket = self._prefixes.get(path[:end])
                if bucket is not None:
                    match = _first(bucket, request, found)
                    if match is not None:
                        return match
                end = path.rfind("/", 0, end)
        return _first(self._every_path, request, found)


def _first(bucket: list[CompiledMatch], request: Request, found: dict[str, str]) -> CompiledMatch | None:
    for match in bucket:
        if match.unconditional or match.takes(request, found):
            return match
    return None


class CompiledTable:
    """Virtual hosts, indexed by host."""

    __slots__ = ("_any", "_exact", "_suffixes", "everything", "hosts", "no_host")

    def __init__(self, hosts: dict[str, CompiledVirtualHost], no_host: Decision) -> None:
        """Index `hosts`, whose keys are exact names, `*.suffix` and `*`, all as `normal_pattern` gives them."""
        self.hosts: Final = hosts
        self.no_host: Final = no_host
        """The decision for a request whose host nobody has."""
        self._any: Final = hosts.get("*")
        self._exact: Final = {host: virtual_host for host, virtual_host in hosts.items() if not host.startswith("*")}
        self._suffixes: Final = {host[1:]: virtual_host for host, virtual_host in hosts.items() if host.startswith("*.")}
        self.everything: Final = self._any if len(hosts) == 1 else None
        """The only virtual host of a table that does not ask for the host."""

    def find(self, authority: str) -> CompiledVirtualHost | None:
        """The virtual host for `authority`: an exact name before the longest wildcard before `*`."""
        # Keys are in normal form, so an authority that is a key needs no normalising.
        virtual_host = self._exact.get(authority)
        if virtual_host is not None:
            return virtual_host
        host = normal_host(authority)
        if len(host) > LONGEST_HOST:
            return self._any
        virtual_host = self._exact.get(host)
        if virtual_host is not None:
            return virtual_host
        if self._suffixes:
            # From 1: at least one character stands for the asterisk.
            dot = host.find(".", 1)
            while dot > 0:
                virtual_host = self._suffixes.get(host[dot:])
                if virtual_host is not None:
                    return virtual_host
                dot = host.find(".", dot + 1)
        return self._any
