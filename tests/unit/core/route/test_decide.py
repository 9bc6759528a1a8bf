import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import (
    Decision,
    Duration,
    HeaderModifier,
    Match,
    PathMatch,
    Reason,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    ValueMatch,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.decide import decide
from hauberk_core.route.dice import Dice
from hauberk_core.route.table import compile_table


def _request(
    path: str = "/", authority: str = "shop.test", method: str = "GET", query: str = "", headers: tuple[tuple[str, str], ...] = ()
) -> Request:
    fields = Headers()
    fields.add("Host", authority)
    for name, value in headers:
        fields.add(name, value)
    return Request(method, authority, path, query, 11, fields)


def _route(name: str, *matches: Match, created: str = "") -> Route:
    return Route(name=name, matches=matches or (Match(),), created=created, backends=(WeightedCluster(cluster=name),))


def _one_host(*routes: Route) -> CompiledTable:
    return compile_table(RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),)))


def _hosts(*hosts: str) -> CompiledTable:
    """A table of one virtual host for each of `hosts`, called as the host is."""
    virtual_hosts = [VirtualHost(name=host, hosts=(host,), routes=(_route("r"),)) for host in hosts]
    return compile_table(RouteTable(virtual_hosts=tuple(virtual_hosts)))


def _prefix(value: str) -> Match:
    return Match(path=PathMatch(value=value))


def _exact(value: str) -> Match:
    return Match(path=PathMatch(kind="exact", value=value))


def _starts_with(value: str) -> Match:
    return Match(path=PathMatch(kind="starts_with", value=value))


def _regex(value: str) -> Match:
    return Match(path=PathMatch(kind="regex", value=value))


@pytest.mark.parametrize(
    ("authority", "virtual_host"),
    [
        ("shop.test", "shop.test"),
        ("SHOP.test:8080", "shop.test"),
        ("shop.test.", "shop.test"),
        ("shop.test.:8080", "shop.test"),
        ("a.shop.test", "*.shop.test"),
        ("a.b.shop.test:80", "*.shop.test"),
        ("deep.shop.test", "*.shop.test"),
        ("a.deep.shop.test", "*.deep.shop.test"),
        ("a.b.deep.shop.test", "*.deep.shop.test"),
        ("exact.deep.shop.test", "exact.deep.shop.test"),
        ("a.exact.deep.shop.test", "*.deep.shop.test"),
        (".shop.test", "*"),
        ("notshop.test", "*"),
        ("test", "*"),
        ("", "*"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("[::2]", "*"),
        ("127.0.0.1:8080", "127.0.0.1"),
    ],
)
def test_the_most_specific_host_wins(authority: str, virtual_host: str) -> None:
    table = _hosts("*", "*.shop.test", "exact.deep.shop.test", "shop.test", "*.deep.shop.test", "::1", "127.0.0.1")
    assert decide(_request(authority=authority), table, 0.5).virtual_host == virtual_host


@pytest.mark.parametrize("authority", ["shop.test", "other.test", "", ".shop.test", "xshop.test"])
def test_a_host_nobody_has(authority: str) -> None:
    assert decide(_request(authority=authority), _hosts("*.shop.test", "www.test"), 0.5) == Decision(reason=Reason.NO_HOST)


def test_an_empty_table_knows_no_host() -> None:
    assert decide(_request(), compile_table(RouteTable()), 0.5).reason is Reason.NO_HOST


def test_a_chosen_virtual_host_is_final() -> None:
    table = compile_table(
        RouteTable(
            virtual_hosts=(
                VirtualHost(name="any", hosts=("*",), routes=(_route("everything"),)),
                VirtualHost(name="wild", hosts=("*.test",), routes=(_route("everything"),)),
                VirtualHost(name="shop", hosts=("shop.test",), routes=(_route("books", _prefix("/books")),)),
            )
        )
    )
    assert decide(_request("/books"), table, 0.5).cluster == "books"
    assert decide(_request("/other"), table, 0.5) == Decision(virtual_host="shop", reason=Reason.NO_ROUTE)


@pytest.mark.parametrize(
    ("match", "taken", "not_taken"),
    [
        (_exact("/foo"), ["/foo"], ["/foo/", "/foo/bar", "/fo", "/FOO", "", "*"]),
        (_exact("/foo/"), ["/foo/"], ["/foo", "/foo/bar"]),
        (_prefix("/foo"), ["/foo", "/foo/", "/foo/bar", "/foo//"], ["/foobar", "/fo", "/", "/bar/foo", "", "*"]),
        (_prefix("/foo/"), ["/foo", "/foo/", "/foo/bar"], ["/foobar", "/"]),
        (_prefix("/foo/bar"), ["/foo/bar", "/foo/bar/baz/"], ["/foo", "/foo/", "/foo/barbaz"]),
        (_prefix("/"), ["/", "/foo", "//", "*", ""], []),
        (_starts_with("/foo"), ["/foo", "/foobar", "/foo/bar"], ["/fo", "/", "*"]),
        (_starts_with("/foo/"), ["/foo/", "/foo/bar"], ["/foo", "/foobar"]),
        (_regex("/v[0-9]+/.*"), ["/v1/a", "/v22/"], ["/v1", "/x/v1/a", "/v/a"]),
    ],
)
def test_path_matches(match: Match, taken: list[str], not_taken: list[str]) -> None:
    table = _one_host(_route("r", match))
    for path in taken:
        assert decide(_request(path), table, 0.5).cluster == "r", path
    for path in not_taken:
        assert decide(_request(path), table, 0.5).reason is Reason.NO_ROUTE, path


@pytest.mark.parametrize(
    ("winner", "loser", "path"),
    [
        (_exact("/foo"), _prefix("/foo"), "/foo"),
        (_exact("/foo"), _regex("/.*"), "/foo"),
        (_exact("/foo"), Match(path=PathMatch(value="/foo"), method="GET"), "/foo"),
        (_prefix("/foo/bar"), _prefix("/foo"), "/foo/bar/baz"),
        (_prefix("/foo"), _prefix("/"), "/foo"),
        (_prefix("/foo"), Match(path=PathMatch(value="/"), method="GET"), "/foo"),
        (_starts_with("/foo/b"), _prefix("/foo"), "/foo/bar"),
        (_prefix("/foo/bar"), _starts_with("/foo/b"), "/foo/bar"),
        (_prefix("/"), _regex("/foo"), "/foo"),
        (Match(path=PathMatch(value="/foo"), method="GET"), _starts_with("/foo"), "/foo"),
        (Match(path=PathMatch(kind="starts_with", value="/foo"), method="GET"), _prefix("/foo"), "/foo"),
        (Match(method="GET"), Match(headers=(ValueMatch(name="host", kind="present"),)), "/"),
        (
            Match(headers=(ValueMatch(name="host", kind="present"), ValueMatch(name="x", invert=True))),
            Match(headers=(ValueMatch(name="host", kind="present"),), query=(ValueMatch(name="q", value="1"),)),
            "/",
        ),
        (Match(query=(ValueMatch(name="q", value="1"),)), Match(), "/"),
    ],
)
def test_precedence(winner: Match, loser: Match, path: str) -> None:
    request = _request(path, query="?q=1")
    for first, second in ((winner, loser), (loser, winner)):
        routes = [_route("w" if match is winner else "l", match) for match in (first, second)]
        assert decide(request, _one_host(*routes), 0.5).cluster == "w"


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
        ("2024-01-01T00:00:00Z", ""),
        ("2024-01-01T12:00:00+02:00", "2024-01-01T11:00:00Z"),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.75Z"),
    ],
)
def test_the_older_route_wins_then_the_smaller_name(winner: str, loser: str) -> None:
    assert decide(_request(), _one_host(_route("a", created=loser), _route("b", created=winner)), 0.5).cluster == "b"
    assert decide(_request(), _one_host(_route("b", created=winner), _route("a", created=winner)), 0.5).cluster == "a"


def test_methods_are_compared_exactly() -> None:
    table = _one_host(_route("r", Match(method="GET")))
    assert decide(_request(method="GET"), table, 0.5).cluster == "r"
    assert decide(_request(method="get"), table, 0.5).reason is Reason.NO_ROUTE
    assert decide(_request(method="HEAD"), table, 0.5).reason is Reason.NO_ROUTE


def test_header_matches() -> None:
    table = _one_host(
        _route("r", Match(headers=(ValueMatch(name="X-User", value="ada,bob"), ValueMatch(name="x-off", invert=True))))
    )
    assert decide(_request(headers=(("x-USER", "ada"), ("X-User", "bob"))), table, 0.5).cluster == "r"
    assert decide(_request(headers=(("X-User", "ada"),)), table, 0.5).reason is Reason.NO_ROUTE
    assert decide(_request(), table, 0.5).reason is Reason.NO_ROUTE


def test_query_matches() -> None:
    table = _one_host(_route("r", Match(query=(ValueMatch(name="näme", value="a b"),))))
    assert decide(_request(query="?x=1&n%C3%A4me=a+b&n%C3%A4me=c"), table, 0.5).cluster == "r"
    assert decide(_request(query="?n%C3%A4me=c&n%C3%A4me=a+b"), table, 0.5).reason is Reason.NO_ROUTE
    assert decide(_request(query="?N%C3%A4me=a+b"), table, 0.5).reason is Reason.NO_ROUTE
    assert decide(_request(), table, 0.5).reason is Reason.NO_ROUTE


def test_the_next_match_is_asked_where_conditions_do_not_hold() -> None:
    table = _one_host(
        _route("exact", Match(path=PathMatch(kind="exact", value="/foo/bar"), method="PUT")),
        _route("long", Match(path=PathMatch(value="/foo/bar"), method="POST")),
        _route("short", Match(path=PathMatch(value="/foo"), method="PATCH")),
        _route("characters", Match(path=PathMatch(kind="starts_with", value="/foo/b"), method="DELETE")),
        _route("expression", _regex("/foo/.*")),
    )
    for method, cluster in (
        ("PUT", "exact"),
        ("POST", "long"),
        ("PATCH", "short"),
        ("DELETE", "characters"),
        ("GET", "expression"),
    ):
        assert decide(_request("/foo/bar", method=method), table, 0.5).cluster == cluster


def test_what_a_decision_carries() -> None:
    shared = HeaderModifier(set=(("x-route", "1"),))
    own = HeaderModifier(add=(("x-share", "2"),))
    route = Route(
        name="reviews",
        matches=(_prefix("/reviews/"),),
        backends=(
            WeightedCluster(cluster="v1", weight=3, request_headers=own),
            WeightedCluster(cluster="v0", weight=0),
            WeightedCluster(cluster="v2", weight=1, response_headers=own),
        ),
        rewrite=Rewrite(prefix="/"),
        request_headers=shared,
        response_headers=shared,
        timeout=Duration(3.0),
        backend_timeout=Duration(1.5),
    )
    table = _one_host(route)
    first = decide(_request("/reviews/1"), table, 0.74)
    assert first == Decision(
        virtual_host="all",
        route="reviews",
        cluster="v1",
        prefix="/reviews",
        rewrite=Rewrite(prefix="/"),
        request_headers=(shared, own),
        response_headers=(shared,),
        timeout=3.0,
        backend_timeout=1.5,
    )
    second = decide(_request("/reviews/1"), table, 0.75)
    assert (second.cluster, second.request_headers, second.response_headers) == ("v2", (shared,), (shared, own))
    assert decide(_request("/reviews/2"), table, 0.0) is first, "decisions are shared"


def test_redirects() -> None:
    redirect = Redirect(scheme="https", status=301)
    decision = decide(_request(), _one_host(Route(name="r", redirect=redirect)), 0.5)
    assert decision == Decision(virtual_host="all", route="r", redirect=redirect)


def test_a_share_without_cluster_has_no_backend() -> None:
    backends = (WeightedCluster(cluster="reviews", weight=3), WeightedCluster(cluster="", weight=1))
    virtual_host = VirtualHost(name="v", hosts=("*",), routes=(Route(name="r", backends=backends),))
    compiled = compile_table(RouteTable(virtual_hosts=(virtual_host,)))
    assert [decide(_request(), compiled, dice).cluster for dice in (0.0, 0.74)] == ["reviews", "reviews"]
    refused = decide(_request(), compiled, 0.76)
    assert (refused.cluster, refused.reason) == ("", Reason.NO_BACKEND)


@pytest.mark.parametrize("backends", [(), (WeightedCluster(cluster="c", weight=0),)])
def test_a_route_without_backend(backends: tuple[WeightedCluster, ...]) -> None:
    decision = decide(_request(), _one_host(Route(name="r", backends=backends)), 0.5)
    assert (decision.reason, decision.route, decision.cluster) == (Reason.NO_BACKEND, "r", "")


def _counts(weights: list[int], start: float) -> dict[str, int]:
    backends = tuple([WeightedCluster(cluster=str(index), weight=weight) for index, weight in enumerate(weights)])
    table = _one_host(Route(name="r", backends=backends))
    request = _request()
    dice = Dice(start)
    counts = {str(index): 0 for index in range(len(weights))}
    for _ in range(10_000):
        counts[decide(request, table, dice.next()).cluster] += 1
    return counts


@pytest.mark.parametrize("start", [0.0, 0.3, 0.618, 0.95])
@pytest.mark.parametrize("weights", [[90, 5, 5], [1], [50, 50], [99, 1], [1, 0, 2]])
def test_weights_hold_within_one_percent_of_each_share(weights: list[int], start: float) -> None:
    counts = _counts(weights, start)
    for index, weight in enumerate(weights):
        expected = 10_000 * weight / sum(weights)
        assert abs(counts[str(index)] - expected) <= expected / 100


@given(
    st.lists(st.integers(0, 1_000_000), min_size=1, max_size=10).filter(any),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_any_weights_hold_within_one_percent_of_all_requests(weights: list[int], start: float) -> None:
    counts = _counts(weights, start)
    for index, weight in enumerate(weights):
        assert abs(counts[str(index)] - 10_000 * weight / sum(weights)) <= 100
        assert weight or not counts[str(index)], "a weight of 0 never gets a request"


@pytest.mark.parametrize(
    "request_",
    [
        _request("/" * 30_000),
        _request("/foo" * 8_000),
        _request(authority="a." * 30_000 + "shop.test"),
        _request(authority="." * 30_000),
        _request(query="?" + "a=%41&" * 5_000),
        _request(query="?" + "%41" * 10_000),
    ],
    ids=["slashes", "elements", "labels", "dots", "parameters", "escapes"],
)
def test_a_hostile_request_costs_little(request_: Request) -> None:
    routes = [
        _route(f"r{number}", Match(path=PathMatch(value=f"/foo/{number}"), query=(ValueMatch(name="q"),)))
        for number in range(100)
    ]
    table = compile_table(RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*.shop.test", "*"), routes=tuple(routes)),)))
    # The least processor time of several, so that a busy machine changes nothing. A lookup that is quadratic takes longer.
    spent = []
    for _ in range(20):
        started = time.process_time()
        decide(request_, table, 0.5)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.02
