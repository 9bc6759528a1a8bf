"""The root of the command: its own commands, and those that plugins bring."""

from collections.abc import Mapping
from typing import Any, Final

import click

from hauberk_cli.lazy_group import LazyCommand, LazyGroup
from hauberk_core.entry_points import find_entry_points
from hauberk_core.plugin.installed import CONTROL

_OWN_PACKAGE: Final = "hauberk"


class ExtensibleGroup(LazyGroup):
    """Looks for plugins only where somebody asks for a command it does not have, or for all that there are."""

    def __init__(self, *args: Any, lazy_commands: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        self._own: Final = lazy_commands
        self._all: Final = dict(lazy_commands)
        self._looked = False
        super().__init__(*args, lazy_commands=self._all, **kwargs)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As `LazyGroup` does it, with plugins' commands behind our own."""
        if args[0] not in self._own and not args[0].startswith("-"):
            self._look()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        self._look()
        super().format_commands(ctx, formatter)

    def _look(self) -> None:
        if self._looked:
            return
        self._looked = True
        if not any(entry.dist.name != _OWN_PACKAGE for entry in find_entry_points(CONTROL)):
            # The commands of our own plugins are listed with ours, so that help need not wait for what hosts plugins.
            return
        from hauberk_core.plugin.control_plugins import plugin_commands
        from hauberk_core.plugin.host import control_host

        commands, problems = plugin_commands(control_host())
        for problem in problems:
            click.echo(f"{problem.origin}: {problem.message}", err=True)
        for command in commands:
            if command.name in self._all:
                click.echo(f"a plugin's command {command.name!r} is left out: the name is taken", err=True)
            else:
                self._all[command.name] = LazyCommand(command.module, command.attribute, command.help)
