import pytest

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.model.route import HeaderModifier, Redirect, Rewrite
from hauberk_core.route.filters import modify, redirect_location, rewrite


def _request(
    path: str = "/", query: str = "", authority: str = "shop.test", scheme: str = "http", method: str = "GET"
) -> Request:
    headers = Headers()
    headers.add("Host", authority)
    headers.add("Accept", "*/*")
    request = Request(method, authority, path, query, 11, headers)
    request.scheme = scheme
    return request


def test_modify_removes_then_sets_then_adds() -> None:
    headers = Headers()
    for name, value in (("X-One", "1"), ("x-two", "2"), ("X-Two", "22"), ("X-Three", "3")):
        headers.add(name, value)
    modify(
        headers, HeaderModifier(remove=("X-ONE", "x-absent"), set=(("X-Two", "new"), ("X-One", "back")), add=(("X-Three", "33"),))
    )
    assert headers.items() == [("X-Two", "new"), ("X-Three", "3"), ("X-One", "back"), ("X-Three", "33")]


# The first eleven are Gateway API's own table (HTTPPathModifier.replacePrefixMatch); a matched prefix has no trailing slash here.
@pytest.mark.parametrize(
    ("path", "matched", "replacement", "expected"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/foo/bar", "/foo", "/", "/bar"),
        ("/foo", "/foo", "/xyz/", "/xyz"),
        ("/", "", "/xyz", "/xyz/"),
        ("/bar", "", "/xyz", "/xyz/bar"),
        ("/bar", "", "/", "/bar"),
        # By characters, as `starts_with` matches.
        ("/foobar", "/foo", "/xyz", "/xyzbar"),
        ("/foo/bar", "/foo/", "/", "/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo/", "/foo/", "/xyz/", "/xyz/"),
        ("/bar", "/", "/xyz/", "/xyz/bar"),
        # Never a path that reads like a host.
        ("/foo//evil.test", "/foo", "", "/evil.test"),
        ("/foo//evil.test", "/foo", "/", "/evil.test"),
        ("/foo//bar", "/foo", "/xyz", "/xyz//bar"),
    ],
)
def test_replacing_the_prefix(path: str, matched: str, replacement: str, expected: str) -> None:
    request = _request(path, "?q=1")
    rewrite(request, Decision(prefix=matched, rewrite=Rewrite(prefix=replacement)))
    assert (request.path, request.query) == (expected, "?q=1")
    location = redirect_location(_request(path, "?q=1"), Decision(prefix=matched, redirect=Redirect(prefix=replacement)), 80)
    assert location == f"http://shop.test{expected}?q=1"


def test_rewriting_the_whole_path_and_the_host() -> None:
    request = _request("/a/b", "?q=1")
    rewrite(request, Decision(rewrite=Rewrite(host="reviews.test:9080", path="/v2")))
    assert (request.authority, request.path, request.query) == ("reviews.test:9080", "/v2", "?q=1")
    assert request.headers.items() == [("Host", "reviews.test:9080"), ("Accept", "*/*")]


def test_a_decision_without_rewrite_changes_nothing() -> None:
    request = _request("/a")
    rewrite(request, Decision(cluster="c"))
    assert (request.authority, request.path) == ("shop.test", "/a")


@pytest.mark.parametrize(("method", "path", "host"), [("OPTIONS", "*", "other.test"), ("CONNECT", "", "shop.test")])
def test_a_target_without_a_path_keeps_it(method: str, path: str, host: str) -> None:
    request = _request(path, method=method)
    rewrite(request, Decision(rewrite=Rewrite(host="other.test", prefix="/xyz")))
    assert (request.authority, request.path) == (host, path)
    assert (
        redirect_location(_request(path, method=method), Decision(redirect=Redirect(scheme="https")), 80) == "https://shop.test/"
    )


@pytest.mark.parametrize(
    ("redirect", "scheme", "authority", "listener_port", "location"),
    [
        (Redirect(scheme="https"), "http", "shop.test", 80, "https://shop.test/a?q=1"),
        (Redirect(scheme="https"), "http", "shop.test:8080", 8080, "https://shop.test/a?q=1"),
        (Redirect(scheme="https", port=8443), "http", "shop.test", 80, "https://shop.test:8443/a?q=1"),
        (Redirect(scheme="https", port=443), "http", "shop.test", 8080, "https://shop.test/a?q=1"),
        (Redirect(scheme="http", port=443), "https", "shop.test", 443, "http://shop.test:443/a?q=1"),
        (Redirect(scheme="http"), "https", "shop.test", 8443, "http://shop.test/a?q=1"),
        (Redirect(host="new.test"), "http", "shop.test", 80, "http://new.test/a?q=1"),
        (Redirect(host="new.test"), "http", "shop.test:9999", 8080, "http://new.test:8080/a?q=1"),
        (Redirect(host="new.test"), "https", "shop.test", 443, "https://new.test/a?q=1"),
        (Redirect(host="new.test"), "https", "shop.test", 80, "https://new.test:80/a?q=1"),
        (Redirect(port=80), "http", "shop.test", 8080, "http://shop.test/a?q=1"),
        (Redirect(port=80), "https", "shop.test", 443, "https://shop.test:80/a?q=1"),
        (Redirect(path="/new"), "http", "shop.test", 80, "http://shop.test/new?q=1"),
        (Redirect(scheme="https"), "http", "[::1]:8080", 8080, "https://[::1]/a?q=1"),
        (Redirect(host="::1"), "http", "shop.test", 80, "http://[::1]/a?q=1"),
    ],
)
def test_where_a_redirect_leads(redirect: Redirect, scheme: str, authority: str, listener_port: int, location: str) -> None:
    request = _request("/a", "?q=1", authority, scheme)
    assert redirect_location(request, Decision(redirect=redirect), listener_port) == location


def test_without_a_host_the_location_is_a_path_of_this_host() -> None:
    assert (
        redirect_location(_request("//evil.test", authority=""), Decision(redirect=Redirect(scheme="https")), 80) == "/evil.test"
    )


def test_a_location_needs_a_redirect() -> None:
    with pytest.raises(ValueError, match="no redirect"):
        redirect_location(_request(), Decision(route="books", cluster="c"), 80)


@pytest.mark.parametrize(
    ("path", "matched", "replacement", "expected"),
    [
        ("/a../secret", "/a", "/b/", "/b/secret"),
        ("/a..", "/a", "/b/", "/b/"),
        ("/a./x", "/a", "/b/.", "/b/x"),
        ("/a./x", "/a", "/b/", "/b/x"),
        ("/a../x", "/a", "", "/x"),
        ("/a.../x", "/a", "/b/", "/b/.../x"),
        ("/a..b/x", "/a", "/b/", "/b/..b/x"),
        ("/a../x", "/a", "/b", "/b../x"),
    ],
)
def test_no_segment_that_leads_elsewhere_is_made_where_prefix_and_rest_meet(
    path: str, matched: str, replacement: str, expected: str
) -> None:
    request = _request(path)
    rewrite(request, Decision(prefix=matched, rewrite=Rewrite(prefix=replacement)))
    assert request.path == expected
