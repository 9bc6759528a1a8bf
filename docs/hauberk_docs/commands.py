"""The `hauberk` command, as its own help tells it."""

from collections.abc import Iterator
from typing import Final

import click

from hauberk_cli.main import cli
from hauberk_docs.markdown import block, page

_BEFORE: Final = """
What `--help` says of every command. Commands that plugins add are not here.
"""
_WIDTH: Final = 100


def commands_page() -> str:
    """The page, from the commands themselves."""
    root = click.Context(cli, info_name="hauberk", max_content_width=_WIDTH, terminal_width=_WIDTH)
    parts = [
        f"{'#' * min(2 + depth, 4)} {context.command_path}\n\n{block(context.get_help())}" for depth, context in walk(root, 0)
    ]
    return page("Commands", _BEFORE, *parts)


def walk(context: click.Context, depth: int) -> Iterator[tuple[int, click.Context]]:
    """A command and those below it, with how deep they are."""
    yield depth, context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and found.name is not None and not found.hidden:
                inner = click.Context(found, parent=context, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH)
                yield from walk(inner, depth + 1)
