import msgspec

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Match, PathMatch, Reason, Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.route.decide import decide
from hauberk_core.route.near_misses import NearMisses
from hauberk_core.route.table import compile_table


def _route(name: str, *matches: Match, created: str = "") -> Route:
    return Route(name=name, matches=matches or (Match(),), created=created, backends=(WeightedCluster(cluster=name),))


def _explain(
    *virtual_hosts: VirtualHost,
    path: str = "/",
    authority: str = "shop.test",
    method: str = "GET",
    query: str = "",
    limit: int = 50,
) -> NearMisses:
    recorder = NearMisses(limit)
    decide(
        Request(method, authority, path, query, 11, Headers()),
        compile_table(RouteTable(virtual_hosts=virtual_hosts)),
        0.5,
        recorder,
    )
    return recorder


def _all(*routes: Route) -> VirtualHost:
    return VirtualHost(name="all", hosts=("*",), routes=routes)


def test_why_hosts_lost() -> None:
    hosts = ("shop.test", "*.shop.test", "*.a.shop.test", "*.b.a.shop.test", "www.test", "*.other.test", "*")
    explained = _explain(
        *[VirtualHost(name=f"v{index}", hosts=(host,)) for index, host in enumerate(hosts)], authority="B.a.shop.test:80"
    )
    assert explained.host == "b.a.shop.test"
    assert (explained.matched_host, explained.virtual_host) == ("*.a.shop.test", "v2")
    assert [(miss.host, miss.virtual_host, miss.why) for miss in explained.hosts] == [
        ("shop.test", "v0", "it is another name"),
        ("*.shop.test", "v1", "'*.a.shop.test' is more specific"),
        ("*.b.a.shop.test", "v3", "a wildcard takes the names below its domain, not the domain itself"),
        ("www.test", "v4", "it is another name"),
        ("*.other.test", "v5", "the name does not end with '.other.test'"),
        ("*", "v6", "'*.a.shop.test' is more specific"),
    ]


def test_an_exact_host_beats_the_longer_wildcard() -> None:
    explained = _explain(
        VirtualHost(name="wild", hosts=("*.shop.test",)),
        VirtualHost(name="exact", hosts=("a.shop.test",)),
        authority="a.shop.test",
    )
    assert explained.matched_host == "a.shop.test"
    assert [miss.why for miss in explained.hosts] == ["'a.shop.test' is more specific"]


def test_no_host() -> None:
    explained = _explain(VirtualHost(name="v", hosts=("www.test",)))
    assert explained.decision is not None
    assert explained.decision.reason is Reason.NO_HOST
    assert (explained.virtual_host, explained.matched_host, explained.matches) == ("", "", [])
    assert [miss.why for miss in explained.hosts] == ["it is another name"]


def test_a_name_too_long_for_dns_is_only_taken_by_the_asterisk() -> None:
    explained = _explain(_all(_route("r")), VirtualHost(name="wild", hosts=("*.test",)), authority="a." * 200 + "test")
    assert explained.virtual_host == "all"
    assert explained.matched_host == "*"


def test_every_unmet_condition_has_a_sentence() -> None:
    match = Match(
        path=PathMatch(kind="exact", value="/books"),
        method="POST",
        headers=(ValueMatch(name="X-User", value="ada"),),
        query=(ValueMatch(name="page", kind="prefix", value="1"),),
    )
    explained = _explain(_all(_route("books", match)), query="?page=2")
    assert explained.winner is None
    assert explained.rule == ""
    assert [miss.whys for miss in explained.matches] == [
        [
            "the path is '/', the match wants exactly '/books'",
            "the method is 'GET', the match wants 'POST'",
            "header 'x-user' is absent, the match wants 'ada'",
            "query parameter 'page' is '2', the match wants a value that starts with '1'",
        ]
    ]


def test_paths_in_words() -> None:
    paths = (
        PathMatch(value="/books/"),
        PathMatch(kind="starts_with", value="/bo"),
        PathMatch(kind="regex", value="/b.*"),
    )
    explained = _explain(_all(*[_route(f"r{index}", Match(path=path)) for index, path in enumerate(paths)]))
    assert [miss.whys for miss in explained.matches] == [
        ["the path is '/', the match wants '/books' or a path below it"],
        ["the path is '/', the match wants a path that starts with '/bo'"],
        ["the path is '/', the match wants one that matches the regular expression '/b.*'"],
    ]


def test_the_nearest_come_first() -> None:
    explained = _explain(
        _all(
            _route("elsewhere", Match(path=PathMatch(value="/other"))),
            _route("two", Match(method="POST", headers=(ValueMatch(name="x"),))),
            _route("one", Match(method="POST")),
            _route("shadowed", created=""),
            _route("winner", created="2024-01-01T00:00:00Z"),
        )
    )
    assert [(miss.route, miss.match) for miss in explained.matches] == [("shadowed", 0), ("one", 0), ("two", 0), ("elsewhere", 0)]
    assert explained.matches[0].whys == ["the older route goes first"]


def test_the_rule_that_decided() -> None:
    def rule(*routes: Route) -> str:
        return _explain(_all(*routes), path="/a", query="?q=1").rule

    a, exact = Match(path=PathMatch(value="/a")), Match(path=PathMatch(kind="exact", value="/a"))
    old, older = "2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z"
    assert rule(_route("r")) == "no other match takes this request"
    in_order = [
        msgspec.structs.replace(_route(name, match), order=order) for name, match, order in (("r", exact, 2), ("s", a, 1))
    ]
    assert rule(*in_order) == "the routes have an order, and this one goes first"
    assert rule(_route("r", exact), _route("s", a)) == (
        "an exact path goes before a prefix, a prefix before a regular expression, these before any call of gRPC"
    )
    assert rule(_route("r", a), _route("s")) == ("the longer path prefix, or service and method of a gRPC call, goes first")
    assert rule(_route("r", Match(method="GET")), _route("s")) == "a match with a method goes before one without"
    assert rule(_route("r", Match(headers=(ValueMatch(name="x", invert=True),))), _route("s")) == "more header matches go first"
    assert rule(_route("r", Match(query=(ValueMatch(name="q", value="1"),))), _route("s")) == "more query matches go first"
    assert rule(_route("s", created=older), _route("r", created=old)) == "the older route goes first"
    assert rule(_route("s"), _route("r")) == "the smaller route name goes first"
    assert rule(_route("r", Match(), Match())) == "the match that the route lists earlier goes first"


def test_the_lists_are_bounded() -> None:
    hosts = tuple([f"h{number}.test" for number in range(5)])
    routes = tuple([_route(f"r{number}", Match(method="POST")) for number in range(7)])
    explained = _explain(VirtualHost(name="other", hosts=hosts), _all(*routes), limit=3)
    assert (len(explained.hosts), len(explained.matches)) == (3, 3)
    assert explained.left_out == 2 + 4


def test_each_explanation_forgets_the_one_before() -> None:
    recorder = NearMisses()
    table = compile_table(
        RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("shop.test",), routes=(_route("r"), _route("s"))),))
    )
    for authority, virtual_host, misses in (("shop.test", "v", 1), ("other.test", "", 0)):
        decide(Request("GET", authority, "/", "", 11, Headers()), table, 0.5, recorder)
        assert (recorder.winner is not None) is (virtual_host == "v")
        assert (recorder.rule != "") is (virtual_host == "v")
        assert (recorder.virtual_host, len(recorder.matches), len(recorder.hosts)) == (virtual_host, misses, 1 - misses)
