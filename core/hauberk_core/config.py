"""From a configuration's text to a snapshot that may be served: every rule is held here, and every mistake gets its line.

The one door for `hauberk config check`, for the file that `hauberk proxy` rereads, and for whatever else brings a snapshot.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hauberk_core.model.check import find_mistakes, tables_to_check
from hauberk_core.model.codec import decode_snapshot
from hauberk_core.model.document import MOST_ERRORS, Document
from hauberk_core.model.errors import ConfigError, ConfigErrors, write_path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import Snapshot


class Loaded(NamedTuple):
    """A snapshot without mistakes, and what is still worth telling a person about it."""

    snapshot: Snapshot
    warnings: list[ConfigError]


def load_snapshot(data: bytes, origin: str, look_further: Callable[[Snapshot], list[Mistake]] | None = None) -> Loaded:
    """Decode and check a configuration.

    Args: origin - the file's name, or whatever tells a person where the text came from; look_further - finds what the snapshot
        alone does not tell, for example whether its plugins are installed; called where no name leads nowhere.
    Raises: ConfigErrors, with every mistake in the document's order and at most 100; warnings are among them.
    """
    snapshot = decode_snapshot(data, origin)
    mistakes = _all_mistakes(snapshot)
    if look_further is not None and all(mistake.severity != "error" for mistake in mistakes):
        mistakes += look_further(snapshot)
    if not mistakes:
        return Loaded(snapshot, [])
    mistakes = _errors_first(mistakes)
    located = _locate(mistakes[:MOST_ERRORS], data, origin)
    if mistakes[0].severity == "error":
        raise ConfigErrors(located)
    return Loaded(snapshot, located)


def check_whole(snapshot: Snapshot, origin: str, before: Snapshot | None = None) -> list[ConfigError]:
    """Check a snapshot that was never a text.

    Args: before - one that was right; route tables that are its very objects are not looked at again.
    Returns: warnings. Raises: ConfigErrors.
    """
    mistakes = _errors_first(_all_mistakes(snapshot, before))
    found = [
        ConfigError(origin=origin, path=write_path(path), message=message, hint=hint, severity=severity)
        for path, message, hint, severity in mistakes[:MOST_ERRORS]
    ]
    if any(error.severity == "error" for error in found):
        raise ConfigErrors(found)
    return found


def _errors_first(mistakes: list[Mistake]) -> list[Mistake]:
    """So that no error falls to the bound because warnings stand before it."""
    return sorted(mistakes, key=lambda mistake: mistake.severity)


def _all_mistakes(snapshot: Snapshot, before: Snapshot | None = None) -> list[Mistake]:
    tables = tables_to_check(snapshot, before)
    mistakes = find_mistakes(snapshot, tables)
    known: Final = {mistake.path for mistake in mistakes}
    return mistakes + [mistake for mistake in _routing_mistakes(tables) if mistake.path not in known]


def _routing_mistakes(tables: Mapping[str, RouteTable]) -> list[Mistake]:
    """What the model's own rules do not show: regular expressions that RE2 refuses, hosts that are the same when compared."""
    from hauberk_core.route.checks import find_mistakes_of_routing

    return [
        mistake._replace(path=("route_tables", name, *mistake.path))
        for name, table in tables.items()
        for mistake in find_mistakes_of_routing(table)
    ]


def _locate(mistakes: list[Mistake], data: bytes, origin: str) -> list[ConfigError]:
    document = Document(data, origin)
    located: list[tuple[int, ConfigError]] = []
    for path, message, hint, severity in mistakes:
        offset = document.offset_of(path)
        line, column = document.place(offset)
        error = ConfigError(
            origin=origin, line=line, column=column, path=write_path(path), message=message, hint=hint, severity=severity
        )
        located.append((offset, error))
    return [error for _, error in sorted(located, key=lambda pair: pair[0])]
