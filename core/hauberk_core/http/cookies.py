"""Cookies in requests. Source: RFC 6265 sections 4.2 and 5.4."""

from hauberk_core.http.headers import Headers


def cookie_value(headers: Headers, name: str) -> str | None:
    """The value of the first cookie called `name` (browsers put the longest path first), or None."""
    for line in headers.get_all("cookie"):
        if name not in line:
            continue
        for pair in line.split(";"):
            own, equals, value = pair.partition("=")
            if equals and own.strip(" \t") == name:
                return value.strip(" \t")
    return None
