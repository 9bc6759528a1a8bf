"""Host names and wildcards of Gateway API: `*.example.test` stands for any number of labels, but at least one."""

from collections.abc import Iterable


def covers(pattern: str | None, host: str) -> bool:
    """Whether every name that `host` (itself perhaps a wildcard) stands for is one of `pattern`'s; None: every name."""
    if pattern is None or pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def intersect(listener: str | None, routes: Iterable[str]) -> tuple[str, ...]:
    """The names that a listener and a route have in common, or `*`; none: the route does not belong there.

    Args: routes - the route's names; none at all: every name.
    """
    names = tuple(routes)
    if not names:
        return (listener or "*",)
    common: dict[str, None] = {}
    for name in names:
        if covers(listener, name):
            common[name] = None
        elif listener is not None and covers(name, listener):
            common[listener] = None
    return tuple(common)


def most_specific(host: str, patterns: Iterable[str | None]) -> str | None:
    """Of the patterns that cover `host` (`*`: every name) itself, else the longest; None stands for every name."""
    best: str | None = None
    for pattern in patterns:
        if pattern == host:
            return pattern
        if pattern is not None and covers(pattern, host) and (best is None or len(pattern) > len(best)):
            best = pattern
    return best
