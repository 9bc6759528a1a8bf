"""From a configuration's text to a snapshot that may be served: every rule is held here, and every mistake gets its line.

The one door for `hauberk config check`, for the file that `hauberk proxy` rereads, and for whatever else brings a snapshot.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from hauberk_core.model.check import find_mistakes
from hauberk_core.model.codec import decode_snapshot
from hauberk_core.model.document import MOST_ERRORS, Document
from hauberk_core.model.errors import ConfigError, ConfigErrors, write_path
from hauberk_core.model.mistake import Mistake
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
    # An error must not fall to the bound because warnings stand before it.
    mistakes.sort(key=lambda mistake: mistake.severity)
    located = _locate(mistakes[:MOST_ERRORS], data, origin)
    if mistakes[0].severity == "error":
        raise ConfigErrors(located)
    return Loaded(snapshot, located)


def check_whole(snapshot: Snapshot, origin: str) -> list[ConfigError]:
    """Check a snapshot that was never a text.

    Returns: warnings. Raises: ConfigErrors.
    """
    found = [
        ConfigError(origin=origin, path=write_path(path), message=message, hint=hint, severity=severity)
        for path, message, hint, severity in _all_mistakes(snapshot)[:MOST_ERRORS]
    ]
    if any(error.severity == "error" for error in found):
        raise ConfigErrors(found)
    return found


def _all_mistakes(snapshot: Snapshot) -> list[Mistake]:
    mistakes = find_mistakes(snapshot)
    known: Final = {mistake.path for mistake in mistakes}
    return mistakes + [mistake for mistake in _routing_mistakes(snapshot) if mistake.path not in known]


def _routing_mistakes(snapshot: Snapshot) -> list[Mistake]:
    """What only compiling the route tables shows: regular expressions that RE2 refuses."""
    from hauberk_core.route.errors import RouteErrors
    from hauberk_core.route.table import compile_table

    mistakes: list[Mistake] = []
    for name, table in snapshot.route_tables.items():
        try:
            compile_table(table)
        except RouteErrors as errors:
            for error in errors.errors:
                mistakes.append(Mistake(("route_tables", name, *error.path), error.message, error.hint))
    return mistakes


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
