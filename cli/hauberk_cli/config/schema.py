"""`hauberk config schema`."""

import click

from hauberk_core.model.schema import encode_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of a configuration file.

    Editors that know JSON Schema complete and explain members as you type.

    \b
    Examples:
      hauberk config schema > snapshot.schema.json
    """
    click.echo(encode_schema(), nl=False)
