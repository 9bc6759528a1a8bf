"""`hauberk version`."""

import json
import platform

import click

from hauberk_core import build_info


@click.command()
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the answer."
)
def version(output: str) -> None:
    """Tell what is installed: version, compiled or plain, platform.

    "compiled" means that the modules on the road of a request are machine code, as in released wheels; "plain" that they
    are Python, as in a checkout.

    \b
    Examples:
      hauberk version
      hauberk version -o json
    """
    build = "compiled" if build_info.compiled() else "plain"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{platform.system()} {platform.machine()}"
    if output == "json":
        click.echo(json.dumps({"version": build_info.version(), "build": build, "python": python, "platform": where}, indent=2))
    else:
        click.echo(f"hauberk {build_info.version()} ({build}), {python}, {where}")
