"""Host names and wildcards of Gateway API: `*.example.test` stands for any number of labels, but at least one."""

from collections.abc import Iterable, Iterator
from typing import Final


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


class HostNames:
    """Names, wildcards and `*`, which stands for every name; a question costs as many steps as a name has labels."""

    def __init__(self) -> None:
        self._names: Final[set[str]] = set()
        self._ends: Final[set[str]] = set()

    def add(self, hosts: Iterable[str]) -> None:
        """These belong to it, too."""
        for host in hosts:
            self._names.add(host)
            self._ends.update(_ends(host))

    def meet(self, hosts: Iterable[str]) -> bool:
        """Whether they have a name in common with others."""
        return any(self._has(host) for host in hosts)

    def _has(self, host: str) -> bool:
        if host in self._names or "*" in self._names:
            return True
        if host == "*":
            return bool(self._names)
        if host.startswith("*.") and host[1:] in self._ends:
            return True
        return any(f"*{end}" in self._names for end in _ends(host))


def _ends(host: str) -> Iterator[str]:
    """What follows each label, with its dot."""
    dot = host.find(".")
    while dot >= 0:
        yield host[dot:]
        dot = host.find(".", dot + 1)
