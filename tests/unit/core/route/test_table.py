import pytest

from hauberk_core.model import (
    HeaderModifier,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    ValueMatch,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.route.errors import RouteError, RouteErrors
from hauberk_core.route.table import compile_table


def _mistakes(*virtual_hosts: VirtualHost) -> list[RouteError]:
    with pytest.raises(RouteErrors) as caught:
        compile_table(RouteTable(virtual_hosts=virtual_hosts))
    return caught.value.errors


def _mistake(route: Route) -> RouteError:
    found = _mistakes(VirtualHost(name="shop", hosts=("*",), routes=(Route(name="fine"), route)))
    assert len(found) == 1, found
    return found[0]


_BACKENDS = (WeightedCluster(cluster="c"),)


def test_a_bad_expression_is_named_with_its_place_and_the_reason() -> None:
    bad = PathMatch(kind="regex", value="/(?=x)")
    error = _mistake(Route(name="books", matches=(Match(), Match(path=bad)), backends=_BACKENDS))
    assert error.path == ("virtual_hosts", 0, "routes", 1, "matches", 1, "path", "value")
    assert error.message == (
        "virtual host 'shop', route 'books', match 2: '/(?=x)' is no regular expression RE2 takes: invalid perl operator: (?="
    )
    assert "RE2's syntax" in error.hint
    assert str(error).startswith("virtual_hosts[0].routes[1].matches[1].path.value: virtual host 'shop'")


@pytest.mark.parametrize("member", ["headers", "query"])
def test_a_bad_expression_for_a_value(member: str) -> None:
    values = (ValueMatch(name="x", value="1"), ValueMatch(name="y", kind="regex", value="("))
    match = Match(headers=values) if member == "headers" else Match(query=values)
    assert _mistake(Route(name="r", matches=(match,), backends=_BACKENDS)).path[-3:] == (member, 1, "value")


def test_one_host_in_two_virtual_hosts_names_both() -> None:
    for spelling in ("Books.test", "books.test.", "books.test"):
        found = _mistakes(VirtualHost(name="one", hosts=("a.test", "books.test")), VirtualHost(name="two", hosts=(spelling,)))
        assert [error.path for error in found] == [("virtual_hosts", 1, "hosts", 0)]
        assert "virtual host 'two'" in found[0].message
        assert "'one'" in found[0].message


def test_all_mistakes_are_told_at_once() -> None:
    bad = Match(path=PathMatch(kind="regex", value="("), headers=(ValueMatch(name="x", kind="regex", value="["),))
    found = _mistakes(
        VirtualHost(name="one", hosts=("a.test",), routes=(Route(name="r", matches=(bad,), backends=_BACKENDS),)),
        VirtualHost(name="two", hosts=("A.test",), routes=(Route(name="s", created="yesterday", backends=_BACKENDS),)),
    )
    assert {error.path[4:] or error.path[2:] for error in found} == {
        ("matches", 0, "path", "value"),
        ("matches", 0, "headers", 0, "value"),
        ("hosts", 0),
        ("created",),
    }
    assert str(RouteErrors(found)).count("\n    ") == 4


@pytest.mark.parametrize("value", ["1\r\nSet-Cookie: a=b", "1\n", "1\r", "\x00", "1\x0b2", " 1", "☃"])
@pytest.mark.parametrize("where", ["request", "response", "backend"])
def test_nothing_that_breaks_a_header_gets_in_by_a_modifier(value: str, where: str) -> None:
    for modifier in (HeaderModifier(set=(("x", value),)), HeaderModifier(add=(("x", value),))):
        if where == "request":
            route = Route(name="r", backends=_BACKENDS, request_headers=modifier)
        elif where == "response":
            route = Route(name="r", backends=_BACKENDS, response_headers=modifier)
        else:
            route = Route(name="r", backends=(WeightedCluster(cluster="c", response_headers=modifier),))
        assert "headers" in str(_mistake(route).path)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "Content-Length", "transfer-encoding", "Connection", "Host"])
def test_names_a_modifier_may_not_touch(name: str) -> None:
    for modifier in (HeaderModifier(remove=(name,)), HeaderModifier(set=((name, "1"),)), HeaderModifier(add=((name, "1"),))):
        assert _mistake(Route(name="r", backends=_BACKENDS, request_headers=modifier)).path[4] == "request_headers"


@pytest.mark.parametrize("text", ["a\r\nb", "a b", "a\n", "/x\r\ny", "a/b", "☃"])
def test_nothing_that_breaks_a_head_gets_in_by_a_redirect_or_rewrite(text: str) -> None:
    path = text if text.startswith("/") else "/ " + text
    for redirect in (Redirect(host=text), Redirect(path=path), Redirect(prefix=path)):
        assert _mistake(Route(name="r", redirect=redirect)).path[4] == "redirect"
    for rewrite in (Rewrite(host=text), Rewrite(path=path), Rewrite(prefix=path)):
        assert _mistake(Route(name="r", backends=_BACKENDS, rewrite=rewrite)).path[4] == "rewrite"


@pytest.mark.parametrize(
    "route",
    [
        Route(name="r", matches=()),
        Route(name="r", backends=_BACKENDS, redirect=Redirect(scheme="https")),
        Route(name="r", redirect=Redirect(scheme="https"), rewrite=Rewrite(path="/x")),
        Route(name="r", redirect=Redirect(path="/x", prefix="/y")),
        Route(
            name="r", backends=_BACKENDS, rewrite=Rewrite(prefix="/y"), matches=(Match(path=PathMatch(kind="exact", value="/x")),)
        ),
        Route(name="r", created="2024-01-01T00:00:00", backends=_BACKENDS),
    ],
)
def test_routes_that_contradict_themselves(route: Route) -> None:
    assert "route 'r'" in _mistake(route).message


def test_clusters_need_not_be_known_here() -> None:
    route = Route(name="r", backends=(WeightedCluster(cluster="anything"),))
    assert compile_table(RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*",), routes=(route,)),))).everything is not None


def test_one_expression_is_prepared_once() -> None:
    routes = tuple([Route(name=f"r{index}", matches=(Match(path=PathMatch(kind="regex", value="/a.*")),)) for index in range(2)])
    table = compile_table(RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*",), routes=routes),)))
    first, second = table.hosts["*"].matches
    assert first.path.expression is second.path.expression
