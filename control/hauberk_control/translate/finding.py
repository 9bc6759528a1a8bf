"""Mistakes that translation meets in objects."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from hauberk_control.store import ObjectKey, Place, Store, key_of
from hauberk_control.translate.memory import Memory
from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.model.errors import ConfigError, write_path
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import Resource


class Finding(NamedTuple):
    """A mistake and the object it is in. Without the place: an object may move within its file and stay what it is."""

    key: ObjectKey
    mistake: Mistake


def findings(resource: Resource, mistakes: Iterable[Mistake]) -> tuple[Finding, ...]:
    """The mistakes of one object."""
    key = key_of(resource)
    return tuple([Finding(key, mistake) for mistake in mistakes])


def locate(found: Iterable[Finding], store: Store, places: Memory[Place]) -> tuple[ConfigError, ...]:
    """Each finding once, errors first, else in their order, and at most MOST_ERRORS, as a person is told.

    Args: places - remembers where fields stand: their text is read anew for each.
    """
    errors: list[ConfigError] = []
    for key, mistake in sorted(dict.fromkeys(found), key=lambda finding: finding.mistake.severity)[:MOST_ERRORS]:
        item = store.find(key)
        place = Place()
        if item is not None:
            place = places.get((key, mistake.path), (item.place, item.written), partial(item.locate, mistake.path))
        errors.append(
            ConfigError(
                origin=place.file,
                line=place.line,
                column=place.column,
                path=write_path(mistake.path),
                message=f"{key}: {mistake.message}",
                hint=mistake.hint,
                severity=mistake.severity,
            )
        )
    return tuple(errors)
