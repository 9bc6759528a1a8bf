"""Reads the values that somebody gives: files, and single ones on the command line."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hauberk_cli.install.values import Values, plain_values
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.shape import check_shape
from hauberk_core.resources.one_document import one_tree, read_one_document

COMMAND_LINE: Final = "--set"


def read_values(files: Sequence[tuple[str, bytes]], settings: Sequence[str] = ()) -> Values:
    """The values of an installation.

    Args: files - name and text of each, YAML; what is said later wins; settings - `control.replicas=2`, which win over files.
    Raises: ConfigErrors, with every mistake and its place.
    """
    given = plain_values(Values())
    errors: list[ConfigError] = []
    for name, text in [*files, *[(COMMAND_LINE, _document_of(setting)) for setting in settings]]:
        tree = one_tree(text, name)
        if tree is None:
            continue
        mistakes = check_shape(tree, Values)
        errors += mistakes
        plain = tree.root.plain()
        if not mistakes and isinstance(plain, dict):
            given = _merged(given, plain)
    if errors:
        raise ConfigErrors(errors)
    try:
        return msgspec.convert(given, Values)
    except msgspec.ValidationError as error:
        hint = "look the value up in the reference of the chart's values"
        raise ConfigErrors([ConfigError(origin="values", message=str(error), hint=hint)]) from error


def _document_of(setting: str) -> bytes:
    """A setting of the command line as a document: what is right of `=` is YAML. Raises: ConfigErrors."""
    path, equals, text = setting.partition("=")
    names = path.split(".")
    if not equals or not all(names):
        hint = "write for example control.replicas=2"
        raise ConfigErrors([ConfigError(origin=COMMAND_LINE, message=f"{setting!r} says no value", hint=hint)])
    value: object = read_one_document(text.encode(), COMMAND_LINE) if text else ""
    for name in reversed(names):
        value = {name: value}
    return json.dumps(value).encode()


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """As Helm merges values: maps by name, anything else as a whole."""
    merged = dict(base)
    for name, value in over.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
