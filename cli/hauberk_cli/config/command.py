"""`hauberk config`."""

from typing import Final

import click

from hauberk_cli.lazy_group import LazyCommand, LazyGroup

_COMMANDS: Final = {
    "check": LazyCommand("hauberk_cli.config.check", "check", "Check configuration files; show every mistake with its place."),
    "dump": LazyCommand("hauberk_cli.config.dump", "dump", "Show the configuration that a proxy serves by, without secrets."),
    "schema": LazyCommand("hauberk_cli.config.schema", "schema", "Print the JSON Schema of a configuration file."),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def config() -> None:
    """Check configuration files; show a proxy's configuration; print the schema.

    \b
    Examples:
      hauberk config check gateway.json
      hauberk config dump default/bookshop
      hauberk config schema > snapshot.schema.json
    """
