"""A group of commands that imports a command only when it runs, so that help and completion are immediate."""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    attribute: str
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are named beforehand and imported on first use."""

    def __init__(
        self,
        *args: Any,
        lazy_commands: Mapping[str, LazyCommand],
        sections: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        """Args: sections - commands that help lists under a heading of their own; all others come last."""
        super().__init__(*args, **kwargs)
        self._lazy: Final = lazy_commands
        self._sections: Final = sections or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which they were given."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest right name for a wrong one.

        Raises: click.UsageError.
        """
        name = args[0]
        names = self.list_commands(ctx)
        if name in names or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if name.startswith("-"):
            raise click.NoSuchOption(name, ctx=ctx)
        close = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.5)
        advice = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
        raise click.UsageError(f"no command is called {name[:100]!r}; {advice}", ctx=ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        listed = {name for names in self._sections.values() for name in names}
        others = [name for name in self._lazy if name not in listed]
        for heading, names in (*self._sections.items(), ("Commands" if not listed else "Other commands", others)):
            with formatter.section(heading):
                formatter.write_dl([(name, self._lazy[name].summary) for name in names])
