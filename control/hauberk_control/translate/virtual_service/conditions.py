"""Conditions on requests in the proxy's terms."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Match, PathMatch, ValueMatch
from hauberk_core.resources.istio.virtual_service import HttpMatch, StringMatch
from hauberk_core.route.regular_expression import RegularExpression

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
# Sidecars take requests from their own workloads, in clear.
_SCHEME: Final = "http"
# Istio passes these over in its maps of headers: they have fields of their own.
_NO_HEADERS: Final = ("uri", "scheme", "method", "authority")
EVERY_PATH: Final = PathMatch()
EVERYTHING: Final = (".*", ".+")
"""Expressions that take any text; none of those that they are for is empty."""


def conditions(match: HttpMatch, path: Path, mistakes: list[Mistake]) -> tuple[Match, ...]:
    """What a request must be like: any of these; none at all: no request is taken.

    Where the caller and the port matter (`callers`), this looks at neither.
    """
    if match.scheme is not None and not _fitting(match.scheme, (_SCHEME,), (*path, "scheme"), mistakes):
        message = "requests that sidecars route come as http, so that this match takes none"
        mistakes.append(Mistake((*path, "scheme"), message, "leave scheme out", "warning"))
        return ()
    headers = _values(match.headers, (*path, "headers"), mistakes)
    headers += _values(match.without_headers, (*path, "withoutHeaders"), mistakes, inverted=True)
    if match.authority is not None:
        headers += (_value("host", match.authority),)
    query = tuple([_value(name, told) for name, told in match.query_params.items()])
    uri = _path_match(match.uri, ignores_case=match.ignore_uri_case)
    return tuple(
        [
            Match(path=uri, method=method, headers=headers, query=query)
            for method in _methods(match.method, (*path, "method"), mistakes)
        ]
    )


def _path_match(told: StringMatch | None, *, ignores_case: bool) -> PathMatch:
    if told is None:
        return EVERY_PATH
    if told.regex is not None:
        return PathMatch(kind="regex", value=told.regex)
    if told.exact is not None:
        return _without_case(told.exact, "") if ignores_case else PathMatch(kind="exact", value=told.exact)
    if not told.prefix:
        return EVERY_PATH
    return _without_case(told.prefix, ".*") if ignores_case else PathMatch(kind="starts_with", value=told.prefix)


def _without_case(text: str, rest: str) -> PathMatch:
    return PathMatch(kind="regex", value=f"(?i:{re.escape(text)}){rest}")


def _methods(told: StringMatch | None, path: Path, mistakes: list[Mistake]) -> tuple[str, ...]:
    """Methods; an empty one stands for any. An expression is tried on those that have names in RFC 9110 and 5789."""
    if told is None or told.prefix == "" or told.regex in EVERYTHING:
        return ("",)
    if told.exact:
        return (told.exact,)
    before = len(mistakes)
    found = _fitting(told, _METHODS, path, mistakes)
    if not found and len(mistakes) == before:
        mistakes.append(Mistake(path, "this takes none of the methods that there are", f"write one of {', '.join(_METHODS)}"))
    return found


def _fitting(told: StringMatch, texts: Sequence[str], path: Path, mistakes: list[Mistake]) -> tuple[str, ...]:
    """Those of some texts that a condition takes."""
    if told.exact is not None:
        return tuple([text for text in texts if text == told.exact])
    if told.prefix is not None:
        return tuple([text for text in texts if text.startswith(told.prefix)])
    try:
        expression = RegularExpression(told.regex or "")
    except ValueError as error:
        mistakes.append(Mistake(path, f"{quote(told.regex or '')} {error}", "write it in RE2's syntax"))
        return ()
    return tuple([text for text in texts if expression.matches(text)])


def _values(
    told: Mapping[str, StringMatch], path: Path, mistakes: list[Mistake], *, inverted: bool = False
) -> tuple[ValueMatch, ...]:
    found: list[ValueMatch] = []
    for name, condition in told.items():
        if name.lower() in _NO_HEADERS:
            message = f"{quote(name)} is not looked up among headers, as in Istio"
            mistakes.append(Mistake((*path, name), message, f"write the field {name.lower()} of the match", "warning"))
        else:
            found.append(_value(name, condition, inverted=inverted))
    return tuple(found)


def _value(name: str, told: StringMatch, *, inverted: bool = False) -> ValueMatch:
    if told.exact is not None:
        return ValueMatch(name=name, value=told.exact, invert=inverted)
    if told.prefix is not None:
        return ValueMatch(name=name, kind="prefix", value=told.prefix, invert=inverted)
    if told.regex is not None:
        return ValueMatch(name=name, kind="regex", value=told.regex, invert=inverted)
    return ValueMatch(name=name, kind="present", invert=inverted)
