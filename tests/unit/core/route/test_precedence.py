"""`decide` against an implementation that is slow and obvious, and against the explanation, over random tables and requests."""

import re
import urllib.parse
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Match, PathMatch, Reason, Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.route.decide import decide
from hauberk_core.route.near_misses import NearMisses
from hauberk_core.route.precedence import deciding_rule
from hauberk_core.route.table import compile_table


@dataclass(frozen=True)
class Asked:
    method: str
    authority: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def request(self) -> Request:
        headers = Headers()
        for name, value in self.headers:
            headers.add(name, value)
        return Request(self.method, self.authority, self.path, self.query, 11, headers)


# --- the obvious implementation ---------------------------------------------------------------------------------------


def _host_fits(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:].lower()) and len(host) > len(pattern[1:])
    return pattern.lower().rstrip(".") == host


def _choose_virtual_host(asked: Asked, table: RouteTable) -> VirtualHost | None:
    host = re.sub(r":\d*$", "", asked.authority).lower().removesuffix(".")
    fitting = [(pattern, vhost) for vhost in table.virtual_hosts for pattern in vhost.hosts if _host_fits(pattern, host)]
    exact = [vhost for pattern, vhost in fitting if not pattern.startswith("*")]
    if exact:
        return exact[0]
    fitting.sort(key=lambda pair: len(pair[0]), reverse=True)
    return fitting[0][1] if fitting else None


def _path_fits(match: PathMatch, path: str) -> bool:
    if match.kind == "exact":
        return path == match.value
    if match.kind == "starts_with":
        return path.startswith(match.value)
    if match.kind == "regex":
        return re.fullmatch(match.value, path) is not None
    wanted = [element for element in match.value.split("/") if element]
    return path.split("/")[1 : len(wanted) + 1] == wanted


def _value_fits(match: ValueMatch, values: list[str]) -> bool:
    fits = False
    if values:
        value = values[0]
        if match.kind == "exact":
            fits = value == match.value
        elif match.kind == "prefix":
            fits = value.startswith(match.value)
        elif match.kind == "regex":
            fits = re.fullmatch(match.value, value) is not None
        else:
            fits = True
    return not fits if match.invert else fits


def _fits(match: Match, asked: Asked) -> bool:
    if not _path_fits(match.path, asked.path):
        return False
    if match.method and match.method != asked.method:
        return False
    for header in match.headers:
        lines = [value for name, value in asked.headers if name.lower() == header.name.lower()]
        if not _value_fits(header, [",".join(lines)] if lines else []):
            return False
    pairs = urllib.parse.parse_qsl(asked.query[1:], keep_blank_values=True)
    return all(_value_fits(parameter, [value for name, value in pairs if name == parameter.name]) for parameter in match.query)


def _goes_before(one: tuple[Route, Match], other: tuple[Route, Match]) -> bool:
    """Whether `one` goes before `other`, which stands behind it in the table: rule after rule, as Gateway API lists them."""
    (route, match), (other_route, other_match) = one, other
    if route.order != other_route.order:
        return route.order < other_route.order
    classes = {"exact": 1, "prefix": 2, "starts_with": 2, "regex": 3}
    if classes[match.path.kind] != classes[other_match.path.kind]:
        return classes[match.path.kind] < classes[other_match.path.kind]
    if classes[match.path.kind] == 2:
        lengths = []
        for path in (match.path, other_match.path):
            value = path.value
            while path.kind == "prefix" and len(value) > 1 and value.endswith("/"):
                value = value[:-1]
            lengths.append(len(value))
        if lengths[0] != lengths[1]:
            return lengths[0] > lengths[1]
    if (match.method == "") != (other_match.method == ""):
        return match.method != ""
    if len(match.headers) != len(other_match.headers):
        return len(match.headers) > len(other_match.headers)
    if len(match.query) != len(other_match.query):
        return len(match.query) > len(other_match.query)
    if route.created != other_route.created:
        # All times here are in one notation, so that they sort as text; a route without one is the youngest.
        return (route.created or "9999") < (other_route.created or "9999")
    return route.name <= other_route.name


def _obvious(asked: Asked, table: RouteTable) -> tuple[str, str]:
    """The virtual host's and the route's name."""
    virtual_host = _choose_virtual_host(asked, table)
    if virtual_host is None:
        return "", ""
    best: tuple[Route, Match] | None = None
    for route in virtual_host.routes:
        for match in route.matches:
            if _fits(match, asked) and (best is None or not _goes_before(best, (route, match))):
                best = (route, match)
    return virtual_host.name, best[0].name if best else ""


# --- random tables and requests, from few words so that they meet -----------------------------------------------------

_PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/ab", "/ab/c", "/b", "/a/bc"]
_HOSTS = ["a.test", "b.test", "*.test", "*.a.test", "x.a.test", "*", "*.x.a.test", "127.0.0.1"]
_TIMES = ["", "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z"]

_plain_paths = st.builds(PathMatch, kind=st.sampled_from(["exact", "prefix", "starts_with"]), value=st.sampled_from(_PATHS))
_path_expressions = st.builds(PathMatch, kind=st.just("regex"), value=st.sampled_from(["/.*", "/a/.*", "/a(/b)?", "/[ab]/?"]))
_values = st.one_of(
    st.builds(
        ValueMatch,
        name=st.sampled_from(["x", "X", "y"]),
        kind=st.sampled_from(["exact", "prefix"]),
        value=st.sampled_from(["1", "12", "1,2"]),
        invert=st.booleans(),
    ),
    st.builds(ValueMatch, name=st.sampled_from(["x", "y"]), kind=st.just("present"), invert=st.booleans()),
    st.builds(
        ValueMatch,
        name=st.sampled_from(["x", "y"]),
        kind=st.just("regex"),
        value=st.sampled_from(["1.*", "[12]"]),
        invert=st.booleans(),
    ),
)
_value_lists = st.lists(_values, max_size=2).map(tuple)
_matches = st.builds(
    Match,
    path=st.one_of(_plain_paths, _plain_paths, _path_expressions),
    method=st.sampled_from(["", "", "GET", "POST"]),
    headers=_value_lists,
    query=_value_lists,
)


@st.composite
def _tables(draw: st.DrawFn) -> RouteTable:
    hosts = draw(st.lists(st.sampled_from(_HOSTS), min_size=1, max_size=5, unique=True))
    cut = draw(st.integers(0, len(hosts) - 1))
    virtual_hosts = []
    for index, names in enumerate([hosts[: cut + 1], hosts[cut + 1 :]]):
        if not names:
            continue
        routes = []
        for name in draw(st.lists(st.sampled_from(["p", "q", "r", "s", "t"]), max_size=5, unique=True)):
            matches = tuple(draw(st.lists(_matches, min_size=1, max_size=3)))
            created = draw(st.sampled_from(_TIMES))
            order = draw(st.sampled_from([0, 0, 1, 2]))
            routes.append(
                Route(name=name, matches=matches, created=created, order=order, backends=(WeightedCluster(cluster=name),))
            )
        virtual_hosts.append(VirtualHost(name=f"v{index}", hosts=tuple(names), routes=tuple(routes)))
    return RouteTable(virtual_hosts=tuple(virtual_hosts))


_asked = st.builds(
    Asked,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    authority=st.sampled_from(
        ["a.test", "A.test:80", "x.a.test.", "y.x.a.test", "b.test", "c.test:8080", "test", "127.0.0.1:80", ""]
    ),
    path=st.sampled_from([*_PATHS, "/a//b", "/a/b/c/d", "/abc", "//a", "/c"]),
    query=st.sampled_from(["", "?", "?x=1", "?x=12&x=1", "?y=1%2C2&x=2", "?%78=1&y", "?X=1", "?x=1+2"]),
    headers=st.lists(st.tuples(st.sampled_from(["x", "X", "Y", "z"]), st.sampled_from(["1", "2", "12", ""])), max_size=3).map(
        tuple
    ),
)


@settings(max_examples=150)
@given(_tables(), st.lists(_asked, min_size=1, max_size=6))
def test_decide_and_its_explanation_agree_with_the_obvious_implementation(table: RouteTable, several: list[Asked]) -> None:
    compiled = compile_table(table)
    recorder = NearMisses()
    for asked in several:
        request = asked.request()
        decision = decide(request, compiled, 0.5)
        virtual_host, route = _obvious(asked, table)
        assert (decision.virtual_host, decision.route) == (virtual_host, route)
        if not virtual_host:
            assert decision.reason is Reason.NO_HOST
        elif not route:
            assert decision.reason is Reason.NO_ROUTE

        assert decide(request, compiled, 0.5, recorder) is decision
        assert recorder.decision is decision
        assert recorder.virtual_host == virtual_host
        assert (recorder.winner.route if recorder.winner else "") == route
        if recorder.winner is not None:
            assert recorder.winner.decision is decision
        if recorder.matched_host:
            assert compiled.hosts[recorder.matched_host].name == virtual_host
        for miss in recorder.matches:
            assert miss.whys, "every match that lost has a reason"


def test_equal_ranks_have_no_deciding_rule() -> None:
    rank = (0, 0, 0, 1, 0, 0, 0.0, "r", 0, 0)
    assert deciding_rule(rank, (0, 0, 0, 1, 0, 0, 0.0, "s", 0, 0)) == "the smaller route name goes first"
    with pytest.raises(ValueError, match="same rank"):
        deciding_rule(rank, rank)
