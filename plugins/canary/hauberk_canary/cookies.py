"""Cookies: found in requests, set in responses. Source: RFC 6265 sections 4.1, 4.2 and 5.4; SameSite: RFC 6265bis."""

from typing import Final

from hauberk_core.plugin.data import Fields

# Values of one name that are looked at: browsers send one for each path, and a client could send hundreds.
MOST_VALUES: Final = 4


def cookie_values(headers: Fields, name: str) -> list[str]:
    """The values of the cookies called `name`, in the order in which they come (browsers put the longest path first); at most
    MOST_VALUES."""
    found: list[str] = []
    for line in headers.get_all("cookie"):
        if name not in line:
            continue
        for pair in line.split(";"):
            own, equals, value = pair.partition("=")
            if equals and own.strip(" \t") == name:
                found.append(_unquoted(value.strip(" \t")))
                if len(found) == MOST_VALUES:
                    return found
    return found


def set_cookie(name: str, value: str, path: str, secure: bool, max_age: int) -> str:
    """The value of a Set-Cookie field. Scripts never see the cookie, and it is sent to its own site only.

    Args: name, value - tokens. path - from `cookie_path`. max_age - seconds; 0: until the browser ends its session.
    """
    written = name + "=" + value + "; Path=" + path + "; HttpOnly; SameSite=Strict"
    if secure:
        written += "; Secure"
    if max_age > 0:
        written += "; Max-Age=" + str(max_age)
    return written


def cookie_path(candidates: tuple[str, ...], path: str) -> str:
    """The first of `candidates`, sorted from the longest on, that leads to `path` (RFC 6265 section 5.1.4); else `/`."""
    for candidate in candidates:
        if path == candidate or (path.startswith(candidate) and (candidate.endswith("/") or path[len(candidate)] == "/")):
            return candidate
    return "/"


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
        return value[1:-1]
    return value
