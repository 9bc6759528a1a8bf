"""What a browser is told about requests from pages of other origins (the Fetch standard, section 3.2, "CORS protocol")."""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model.cors import Cors

_DEFAULT_PORTS: Final[dict[str, str]] = {"http:": ":80", "https:": ":443"}


def is_preflight(request: Request) -> bool:
    """Whether a browser asks what it may send, before it sends it."""
    headers = request.headers
    return (
        request.method == "OPTIONS"
        and headers.get("origin") is not None
        and headers.get("access-control-request-method") is not None
    )


def preflight_answer(cors: Cors, request: Request) -> Headers:
    """The fields that answer a preflight request; of one from a foreign origin, none that would allow anything."""
    headers = Headers()
    asked = request.headers
    if not _allow_origin(cors, asked.get("origin"), headers):
        return headers
    methods = _allowed(cors, cors.allow_methods, asked.get("access-control-request-method"))
    if methods:
        headers.add("access-control-allow-methods", methods)
    fields = _allowed(cors, cors.allow_headers, asked.get("access-control-request-headers"))
    if fields:
        headers.add("access-control-allow-headers", fields)
    headers.add("access-control-max-age", str(cors.max_age))
    return headers


def allow_reading(cors: Cors, origin: str | None, headers: Headers) -> None:
    """Write into the head of an answer whether a page of `origin` (None: no browser said one) may read it."""
    for name in ("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"):
        # The route decides, not the backend.
        headers.remove(name)
    if origin is not None:
        _allow_origin(cors, origin, headers)


def _allow_origin(cors: Cors, origin: str | None, headers: Headers) -> bool:
    if origin is None or not is_allowed(cors, origin):
        return False
    headers.add("access-control-allow-origin", origin)
    # A cache must not give one origin's answer to another.
    headers.add("vary", "origin")
    if cors.allow_credentials:
        headers.add("access-control-allow-credentials", "true")
    # With credentials, `*` would be the name of a field.
    exposed = ", ".join([name for name in cors.expose_headers if name != "*" or not cors.allow_credentials])
    if exposed:
        headers.add("access-control-expose-headers", exposed)
    return True


def _allowed(cors: Cors, allowed: tuple[str, ...], asked: str | None) -> str:
    if "*" not in allowed:
        return ", ".join(allowed)
    if asked is not None:
        return asked
    return "" if cors.allow_credentials else "*"


def is_allowed(cors: Cors, origin: str) -> bool:
    """Whether the configuration names this origin."""
    told = _with_port(origin.lower())
    for pattern in cors.allow_origins:  # noqa: SIM110 - a generator would be made for every request
        if pattern == "*" or _matches(_with_port(pattern.lower()), told):
            return True
    return False


def _matches(pattern: str, origin: str) -> bool:
    star = pattern.find("*")
    if star < 0:
        return pattern == origin
    before = pattern[:star]
    behind = pattern[star + 1 :]
    return len(origin) > len(before) + len(behind) and origin.startswith(before) and origin.endswith(behind)


def _with_port(origin: str) -> str:
    """An origin with the port that its scheme implies, where it has none."""
    scheme = origin[: origin.find("//")]
    host = origin[len(scheme) + 2 :]
    if host.rfind(":") > host.rfind("]"):
        return origin
    return origin + _DEFAULT_PORTS.get(scheme, "")
