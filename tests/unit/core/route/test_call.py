"""Which gRPC calls a route takes, and which of several that would."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import GrpcMatch, Match, PathMatch, Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.route.decide import decide
from hauberk_core.route.errors import RouteErrors
from hauberk_core.route.near_misses import NearMisses
from hauberk_core.route.table import compile_table


def table(*matches: Match) -> RouteTable:
    """A route for each match, called by its position."""
    routes = [
        Route(name=str(index), matches=(match,), backends=(WeightedCluster(cluster=str(index)),))
        for index, match in enumerate(matches)
    ]
    return RouteTable(virtual_hosts=(VirtualHost(name="*", hosts=("*",), routes=tuple(routes)),))


def call(kind: str = "exact", service: str = "", method: str = "", headers: tuple[ValueMatch, ...] = ()) -> Match:
    return Match(grpc=GrpcMatch(kind="regex" if kind == "regex" else "exact", service=service, method=method), headers=headers)


def taken(path: str, *matches: Match, headers: dict[str, str] | None = None) -> str:
    """The position of the match that takes a call; empty: none does. The explanation says the same."""
    fields = Headers()
    for name, value in (headers or {}).items():
        fields.add(name, value)
    recorder = NearMisses()
    decision = decide(Request("POST", "shop.test", path, "", 20, fields), compile_table(table(*matches)), 0.0, recorder)
    assert (recorder.winner.route if recorder.winner else "") == decision.route
    return decision.route


@pytest.mark.parametrize(
    ("match", "takes", "leaves"),
    [
        (call(service="books.v1.Reviews", method="Get"), ["/books.v1.Reviews/Get"], ["/books.v1.Reviews/Got", "/books.v1/Get"]),
        (call(service="books.v1.Reviews"), ["/books.v1.Reviews/Get", "/books.v1.Reviews/Got"], ["/books.v1.ReviewsOld/Get"]),
        (call(method="Get"), ["/books.v1.Reviews/Get", "/a/Get"], ["/books.v1.Reviews/Forget", "/Get", "/a/b/Get"]),
        (call("regex", service="books[.]v[12][.].+"), ["/books.v2.Reviews/Get"], ["/books.v3.Reviews/Get", "/books.v2.Reviews"]),
        (call("regex", method="Get|List"), ["/a/Get", "/b/List"], ["/a/GetList", "/a/b/Get"]),
        (call("regex", service="a|b", method="Get|List"), ["/a/List", "/b/Get"], ["/ab/Get", "/a/Get/List"]),
        (call(), ["/books.v1.Reviews/Get"], []),
        (call("regex"), ["/books.v1.Reviews/Get"], []),
    ],
)
def test_what_a_match_takes(match: Match, takes: list[str], leaves: list[str]) -> None:
    assert [taken(path, match) for path in takes] == ["0"] * len(takes)
    assert [taken(path, match) for path in leaves] == [""] * len(leaves)


HEADER = (ValueMatch(name="x", value="1"),)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (call(service="a", method="Get"), call(service="a")),
        (call(service="a"), call(method="Get")),
        (call(service="a"), call("regex", service="[a-z]+")),
        (call(method="Get"), call()),
        (call("regex", service="[a-z]+"), call("regex", service=".")),
        (call("regex", service=".", method="Get"), call(method="Get")),
        (call("regex", method="[A-Z].*"), call(method="Get", headers=HEADER)),
        (call(service="a"), call(headers=HEADER)),
        (call(headers=HEADER), call()),
    ],
    ids=str,
)
def test_which_of_two_goes_first(first: Match, second: Match) -> None:
    assert taken("/a/Get", first, second, headers={"x": "1"}) == "0"
    assert taken("/a/Get", second, first, headers={"x": "1"}) == "1"


_PARTS = st.sampled_from(["", "a", "b", "Get"])
_MATCHES = st.builds(
    call, kind=st.sampled_from(["exact", "regex"]), service=_PARTS, method=_PARTS, headers=st.sampled_from([(), HEADER])
)


@given(matches=st.lists(_MATCHES, min_size=1, max_size=6), path=st.sampled_from(["/a/Get", "/b/a", "/Get/Get", "/a", "/a/Get/b"]))
def test_the_indexes_find_what_a_look_at_all_finds(matches: list[Match], path: str) -> None:
    taken(path, *matches, headers={"x": "1"})


def test_a_condition_on_the_path_beside_it_is_refused() -> None:
    both = Match(grpc=GrpcMatch(service="a"), path=PathMatch(value="/a"))
    with pytest.raises(RouteErrors, match="has a condition already"):
        compile_table(table(both))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (call(service="a/b"), "is no service's name"),
        (call(method="a.b"), "is no method's name"),
        (call("regex", service="a)|(b"), "unexpected ): a)|(b"),
        (call("regex", method="("), "missing ): ("),
    ],
)
def test_what_cannot_be_matched_is_refused(wrong: Match, message: str) -> None:
    with pytest.raises(RouteErrors, match=re.escape(message)):
        compile_table(table(wrong))


def test_an_explanation_names_the_method_that_was_wanted() -> None:
    recorder = NearMisses()
    decide(Request("POST", "a", "/books/List", "", 20, Headers()), compile_table(table(call(method="Get"))), 0.0, recorder)
    assert recorder.matches[0].whys == ["the path is '/books/List', the match wants a service's, then '/Get'"]
