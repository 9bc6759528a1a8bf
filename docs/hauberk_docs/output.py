"""What commands answer with `-o json`, from the types that they answer with."""

from collections.abc import Iterator
from typing import Any, Final

import click

from hauberk_cli.main import cli
from hauberk_cli.output import OutputOption
from hauberk_core.model.schema import struct_schema
from hauberk_docs.commands import walk
from hauberk_docs.markdown import code, page, table
from hauberk_docs.structs import struct_section

_BEFORE: Final = """
The shape of what these commands show with `-o json`. All members are always there. A later version may have more of them; none
goes, or means something else, without a line under *breaking* in the changelog. Exit codes are the same as without `-o json`.
"""


def shaped_commands() -> Iterator[tuple[str, OutputOption]]:
    """Every command that has `-o`, by its whole name."""
    for _, context in walk(click.Context(cli, info_name="hauberk"), 0):
        for parameter in context.command.params:
            if parameter.name == "output":
                assert isinstance(parameter, OutputOption), context.command_path
                yield context.command_path, parameter


def shapes() -> dict[str, Any]:
    """The schemas of all structs that commands answer with, and of those inside them."""
    found: dict[str, Any] = {}
    for command, option in shaped_commands():
        for name, schema in struct_schema(option.shape(), command)["$defs"].items():
            assert found.setdefault(name, schema) == schema, f"two structs are called {name}"
    return found


def output_page() -> str:
    """The page, from the commands and their types."""
    commands = [(command, option.shape().__name__) for command, option in shaped_commands()]
    rows = [(code(command), f"[{shape}](#{shape.lower()})") for command, shape in commands]
    definitions = shapes()
    first = list(dict.fromkeys([shape for _, shape in commands]))
    order = [*first, *sorted([name for name in definitions if name not in first])]
    sections = [struct_section(name, definitions[name], defaults=False) for name in order]
    return page("Answers as JSON", _BEFORE, table(("command", "answers with"), rows), *sections)
