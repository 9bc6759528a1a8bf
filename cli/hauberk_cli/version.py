"""`hauberk version`."""

import platform
from typing import Literal

import click
import msgspec

from hauberk_cli.output import JSON, output_option, show_json
from hauberk_core import build_info


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed."""

    version: str
    """Of hauberk, as PEP 440 writes it."""
    build: Literal["compiled", "plain"]
    """Whether the modules on the road of a request are machine code, or Python."""
    python: str
    """Implementation and version of the interpreter."""
    platform: str
    """Operating system and machine."""


@click.command()
@output_option("hauberk_cli.version:Installed")
def version(output: str) -> None:
    """Tell what is installed: version, compiled or plain, platform.

    "compiled" means that the modules on the road of a request are machine code, as in released wheels; "plain" that they
    are Python, as in a checkout.

    \b
    Examples:
      hauberk version
      hauberk version -o json
    """
    show_version(as_json=output == JSON)


def show_version(*, as_json: bool = False) -> None:
    """Write it to standard output."""
    build: Literal["compiled", "plain"] = "compiled" if build_info.compiled() else "plain"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{platform.system()} {platform.machine()}"
    if as_json:
        show_json(Installed(version=build_info.version(), build=build, python=python, platform=where))
    else:
        click.echo(f"hauberk {build_info.version()} ({build}), {python}, {where}")
