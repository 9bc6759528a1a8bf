"""`hauberk plugin`."""

from typing import Final

import click

from hauberk_cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS: Final = {
    "list": LazyCommand(
        "hauberk_cli.plugin.listing",
        "list_plugins",
        "List the installed plugins: version, API, hooks, and whether each is on, off, or refused with its reason.",
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def plugin() -> None:
    """Show which plugins are installed, and which can be used.

    \b
    Examples:
      hauberk plugin list
      HAUBERK_PLUGINS_OFF=tracing hauberk plugin list
    """
