"""`hauberk plugin`."""

from typing import Final

import click

from hauberk_cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS: Final = {
    "new": LazyCommand(
        "hauberk_cli.plugin.new",
        "new_plugin",
        "Write a new plugin: an installable package that works, with both halves, tests and a README.",
    ),
    "list": LazyCommand(
        "hauberk_cli.plugin.listing",
        "list_plugins",
        "List the installed plugins: version, API, hooks, and whether each is on, off, or refused with its reason.",
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def plugin() -> None:
    """Write a plugin; show which are installed, and which can be used.

    \b
    Examples:
      hauberk plugin new doorman
      hauberk plugin list
      HAUBERK_PLUGINS_OFF=tracing hauberk plugin list
    """
