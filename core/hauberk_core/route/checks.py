"""Finds every mistake that would keep a route table from being compiled, so that compiling itself cannot fail.

The model's own rules come first; what only routing can tell comes on top: what RE2 says, and hosts that are the same when
compared.
"""

from typing import Final

from hauberk_core.model.check_routes import check_route_table
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import Match, RouteTable, ValueMatch
from hauberk_core.route.call import call_pattern
from hauberk_core.route.errors import RouteError, RouteErrors
from hauberk_core.route.host import normal_pattern
from hauberk_core.route.regular_expression import RegularExpression

_RE2_HINT: Final = "write it in RE2's syntax: no look-around, no back-references, repetitions up to 1000"


def check_table(table: RouteTable) -> dict[str, RegularExpression]:
    """Check `table`. Whether its clusters exist is not asked here: a table does not know them.

    Returns: each regular expression in it, by its pattern; the same pattern is prepared once.
    Raises: RouteErrors, with every mistake found.
    """
    routes = [route for virtual_host in table.virtual_hosts for route in virtual_host.routes]
    clusters = {backend.cluster for route in routes for backend in route.backends}
    clusters |= {mirror.cluster for route in routes for mirror in route.mirrors}
    found: list[Mistake] = []
    check_route_table(table, clusters, (), found)
    mistakes = [mistake for mistake in found if mistake.severity == "error"]
    _check_hosts(table, mistakes)
    expressions = _check_expressions(table, mistakes)
    if mistakes:
        raise RouteErrors(
            [RouteError(mistake.path, _names(table, mistake.path) + mistake.message, mistake.hint) for mistake in mistakes]
        )
    return expressions


def find_mistakes_of_routing(table: RouteTable) -> list[Mistake]:
    """What only routing can tell of a table, whatever the model's own rules say of it."""
    mistakes: list[Mistake] = []
    _check_hosts(table, mistakes)
    _check_expressions(table, mistakes)
    return [Mistake(mistake.path, _names(table, mistake.path) + mistake.message, mistake.hint) for mistake in mistakes]


def _check_hosts(table: RouteTable, mistakes: list[Mistake]) -> None:
    reported = {mistake.path for mistake in mistakes}
    owners: dict[str, str] = {}
    for index, virtual_host in enumerate(table.virtual_hosts):
        for position, pattern in enumerate(virtual_host.hosts):
            owner = owners.setdefault(normal_pattern(pattern), virtual_host.name)
            path = ("virtual_hosts", index, "hosts", position)
            if owner != virtual_host.name and path not in reported:
                message = f"the host {quote(pattern)} already belongs to the virtual host {quote(owner)}"
                mistakes.append(Mistake(path, message, "move the routes into that virtual host, or remove the host here"))


def _check_expressions(table: RouteTable, mistakes: list[Mistake]) -> dict[str, RegularExpression]:
    reported = {mistake.path for mistake in mistakes}
    expressions: dict[str, RegularExpression] = {}
    for index, virtual_host in enumerate(table.virtual_hosts):
        for number, route in enumerate(virtual_host.routes):
            for position, match in enumerate(route.matches):
                for path, pattern in _patterns(match, ("virtual_hosts", index, "routes", number, "matches", position)):
                    if pattern in expressions or path in reported or _is_known(path, mistakes):
                        continue
                    try:
                        expressions[pattern] = RegularExpression(pattern)
                    except ValueError as error:
                        mistakes.append(Mistake(path, f"{quote(pattern)} {error}", _RE2_HINT))
    return expressions


def _is_known(path: Path, mistakes: list[Mistake]) -> bool:
    """Whether something is wrong with a part of what stands at `path` already."""
    return any(mistake.path[: len(path)] == path for mistake in mistakes)


def _patterns(match: Match, path: Path) -> list[tuple[Path, str]]:
    """Every regular expression of a match, with its place."""
    found: list[tuple[Path, str]] = []
    if match.path.kind == "regex":
        found.append(((*path, "path", "value"), match.path.value))
    call = match.grpc
    if call is not None and call.kind == "regex":
        # Each part by itself too, so that none can say anything of the other.
        found.extend(
            [((*path, "grpc", name), part) for name, part in (("service", call.service), ("method", call.method)) if part]
        )
        found.append(((*path, "grpc"), call_pattern(call)))
    found.extend(_value_patterns(match.headers, (*path, "headers")))
    found.extend(_value_patterns(match.query, (*path, "query")))
    return found


def _value_patterns(values: tuple[ValueMatch, ...], path: Path) -> list[tuple[Path, str]]:
    return [((*path, index, "value"), value.value) for index, value in enumerate(values) if value.kind == "regex"]


def _names(table: RouteTable, path: Path) -> str:
    """The names by which an author knows the place: `virtual host 'shop', route 'reviews': `."""
    if len(path) < 2 or not isinstance(path[1], int):
        return ""
    virtual_host = table.virtual_hosts[path[1]]
    text = f"virtual host {quote(virtual_host.name)}"
    if len(path) > 3 and path[2] == "routes" and isinstance(path[3], int):
        text += f", route {quote(virtual_host.routes[path[3]].name)}"
        if len(path) > 5 and path[4] == "matches" and isinstance(path[5], int):
            text += f", match {path[5] + 1}"
    return text + ": "
