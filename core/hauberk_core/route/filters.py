"""What a decision changes about a request or a response: header fields, host, path; and where a redirect leads.

Values were checked when the table was compiled, so nothing here can put a line break into a header.
"""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.model.route import HeaderModifier
from hauberk_core.route.host import host_of

_WELL_KNOWN_PORTS: Final[dict[str, int]] = {"http": 80, "https": 443}
# RFC 3986 section 3.3.
_DOTS: Final = frozenset((".", ".."))


def modify(headers: Headers, modifier: HeaderModifier) -> None:
    """Remove, then set, then add fields, in place."""
    for name in modifier.remove:
        headers.remove(name.lower())
    for name, value in modifier.set:
        headers.set(name, value)
    for name, value in modifier.add:
        headers.add(name, value)


def rewrite(request: Request, decision: Decision) -> None:
    """Give `request` the host and the path that the backend is to see, in place. The query stays.

    A target without a path (`*`) keeps it, and CONNECT's, which is whom to reach, stays as it is.
    """
    change = decision.rewrite
    if change is None or request.method == "CONNECT":
        return
    if change.host:
        request.authority = change.host
        request.headers.set("Host", change.host)
    if request.path.startswith("/"):
        request.path = _new_path(request.path, decision.prefix, change.path, change.prefix)


def redirect_location(request: Request, decision: Decision, listener_port: int) -> str:
    """The Location of a redirect: an absolute URI, or a path where the client (HTTP/1.0) named no host.

    The port is the redirect's; else the scheme's own where the redirect names a scheme; else the listener's. One that the scheme
    implies is left out. The query stays. Source: Gateway API, `HTTPRequestRedirectFilter`.

    Args: decision - one with a redirect. listener_port - where the request came in.
    Raises: ValueError if `decision` is no redirect.
    """
    redirect = decision.redirect
    if redirect is None:
        raise ValueError(f"the decision for route {decision.route!r} is no redirect")
    path = request.path if request.path.startswith("/") else "/"
    path = _new_path(path, decision.prefix, redirect.path, redirect.prefix) + request.query
    host = redirect.host or host_of(request.authority)
    if not host:
        # `//name/` would lead to another host.
        return "/" + path.lstrip("/")
    if ":" in host and not host.startswith("["):
        host = "[" + host + "]"
    scheme = redirect.scheme or request.scheme
    well_known = _WELL_KNOWN_PORTS.get(scheme, 0)
    port = redirect.port
    if not port:
        port = well_known if redirect.scheme else listener_port
    if port == well_known:
        return scheme + "://" + host + path
    return scheme + "://" + host + ":" + str(port) + path


def _new_path(path: str, matched: str, whole: str | None, prefix: str | None) -> str:
    """`path` with the whole of it, or the prefix that `matched`, replaced; at most one slash stands where the parts meet."""
    if whole is not None:
        return whole
    if prefix is None:
        return path
    rest = path[len(matched) :]
    # A prefix by characters (`starts_with`) may end within an element or with the slash; then it is replaced as it stands.
    if (rest and not rest.startswith("/")) or matched.endswith("/"):
        changed = _joined(prefix, rest)
    else:
        changed = prefix.rstrip("/") + rest
    # Of `/foo//name` without `/foo` a backend could read `name` as a host.
    return changed if changed.startswith("/") and not changed.startswith("//") else "/" + changed.lstrip("/")


def _joined(prefix: str, rest: str) -> str:
    """One behind the other; but a segment that only their meeting makes, and that leads elsewhere, is left out.

    Of `/a../x`, which is a normal path, `/a` replaced by `/b/` would be `/b/../x`: a client's way out of `/b`.
    """
    start = prefix.rfind("/") + 1
    end = rest.find("/")
    if prefix[start:] + (rest if end < 0 else rest[:end]) not in _DOTS:
        return prefix + rest
    return prefix[:start] if end < 0 else prefix[:start] + rest[end + 1 :]
