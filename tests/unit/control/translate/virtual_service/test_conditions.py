"""Conditions on requests, as a proxy holds them against some."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk_control.translate.virtual_service.conditions import conditions
from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Route, RouteTable, VirtualHost
from hauberk_core.resources.istio.virtual_service import HttpMatch, StringMatch
from hauberk_core.route.decide import decide
from hauberk_core.route.table import compile_table

SEVERAL = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"}


def takes(match: HttpMatch, path: str = "/", method: str = "GET", host: str = "reviews:9080", **headers: str) -> bool:
    mistakes: list[Mistake] = []
    matches = conditions(match, (), mistakes)
    assert [mistake for mistake in mistakes if mistake.severity == "error"] == []
    if not matches:
        return False
    fields = Headers()
    fields.add("Host", host)
    for name, value in headers.items():
        fields.add(name, value)
    target, _, query = path.partition("?")
    table = RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*",), routes=(Route(name="r", matches=matches),)),))
    request = Request(method, host, target, f"?{query}" if query else "", 11, fields)
    return decide(request, compile_table(table), 0.0).route == "r"


@pytest.mark.parametrize(
    ("match", "taken", "left"),
    [
        (HttpMatch(uri=StringMatch(exact="/a")), ["/a"], ["/a/", "/A", "/"]),
        (HttpMatch(uri=StringMatch(prefix="/a")), ["/a", "/ab", "/a/b"], ["/A", "/"]),
        (HttpMatch(uri=StringMatch(prefix="")), ["/", "*"], []),
        (HttpMatch(uri=StringMatch(regex="/a[0-9]")), ["/a1"], ["/a12", "/a"]),
        (HttpMatch(uri=StringMatch(exact="/A.b"), ignore_uri_case=True), ["/a.B", "/A.b"], ["/aXb", "/a.bc"]),
        (HttpMatch(uri=StringMatch(prefix="/A."), ignore_uri_case=True), ["/a.", "/A.x/y"], ["/aX"]),
        (HttpMatch(query_params={"q": StringMatch(exact="1")}), ["/?q=1"], ["/?q=2", "/"]),
        (HttpMatch(query_params={"q": StringMatch()}), ["/?q", "/?q=2"], ["/?x"]),
        (HttpMatch(query_params={"q": StringMatch(prefix="a"), "r": StringMatch(regex="b+")}), ["/?q=ab&r=bb"], ["/?q=a&r=c"]),
        (HttpMatch(scheme=StringMatch(prefix="http")), ["/"], []),
        (HttpMatch(scheme=StringMatch(exact="https")), [], ["/"]),
    ],
)
def test_paths_and_queries(match: HttpMatch, taken: list[str], left: list[str]) -> None:
    assert [path for path in (*taken, *left) if takes(match, path)] == taken


@pytest.mark.parametrize(
    ("told", "methods"),
    [
        (StringMatch(exact="PURGE"), {"PURGE"}),
        (StringMatch(regex="GET|HEAD"), {"GET", "HEAD"}),
        (StringMatch(prefix="P"), {"POST", "PUT", "PATCH"}),
        (StringMatch(prefix=""), SEVERAL),
        (StringMatch(regex=".*"), SEVERAL),
        (StringMatch(regex=".+"), SEVERAL),
    ],
)
def test_methods(told: StringMatch, methods: set[str]) -> None:
    assert {method for method in SEVERAL if takes(HttpMatch(method=told), method=method)} == methods


@pytest.mark.parametrize("told", [StringMatch(exact=""), StringMatch(regex="["), StringMatch(prefix="get")])
def test_a_condition_on_methods_that_takes_none_is_told_once(told: StringMatch) -> None:
    mistakes: list[Mistake] = []
    assert conditions(HttpMatch(method=told), ("match", 0), mistakes) == ()
    assert [(mistake.path, mistake.severity) for mistake in mistakes] == [(("match", 0, "method"), "error")]


def test_headers_and_who_must_not_be_there() -> None:
    match = HttpMatch(headers={"x": StringMatch(prefix="a"), "y": StringMatch()}, without_headers={"z": StringMatch(exact="1")})
    assert takes(match, x="ab", y="")
    assert takes(match, x="ab", y="", z="2")
    assert not takes(match, x="ab", y="", z="1")
    assert not takes(match, x="ab")
    assert not takes(match, x="b", y="")
    assert not takes(HttpMatch(without_headers={"z": StringMatch()}), z="2")


def test_the_authority_is_compared_with_its_port() -> None:
    assert takes(HttpMatch(authority=StringMatch(exact="reviews:9080")))
    assert takes(HttpMatch(authority=StringMatch(prefix="reviews")))
    assert not takes(HttpMatch(authority=StringMatch(exact="reviews")))


@settings(max_examples=50)
@given(st.text("aB./[(*+\\", min_size=0, max_size=6), st.text("abAB./[(*+\\", max_size=6))
def test_case_is_ignored_and_nothing_else(told: str, path: str) -> None:
    exact = HttpMatch(uri=StringMatch(exact=f"/{told}"), ignore_uri_case=True)
    assert takes(exact, f"/{path}") == (told.lower() == path.lower())
    prefix = HttpMatch(uri=StringMatch(prefix=f"/{told}"), ignore_uri_case=True)
    assert takes(prefix, f"/{path}") == path.lower().startswith(told.lower())
