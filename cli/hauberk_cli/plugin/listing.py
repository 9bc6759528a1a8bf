"""`hauberk plugin list`."""

import click
import msgspec

from hauberk_cli.complete import plugin_names
from hauberk_cli.errors import CheckFailed
from hauberk_cli.mesh.table import show_table
from hauberk_cli.output import JSON, output_option, show_json
from hauberk_core.plugin.host import Description, control_host, data_host
from hauberk_core.plugin.installed import OFF_VARIABLE


class Plugins(msgspec.Struct, frozen=True, kw_only=True):
    """The installed plugins."""

    plugins: list[Description]
    """One for each half, by name."""


@click.command("list")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=plugin_names)
@output_option("hauberk_cli.plugin.listing:Plugins")
def list_plugins(names: tuple[str, ...], output: str) -> None:
    """List the installed plugins: version, API, hooks, and whether each is on, off, or refused with its reason.

    With NAMEs, only these. A plugin is a package installed beside hauberk. A proxy started from the same installation uses those
    that are on, where its configuration names them. HAUBERK_PLUGINS_OFF=NAME,... switches plugins off; `*` stands for all.

    \b
    Examples:
      hauberk plugin list
      hauberk plugin list canary -o json
      HAUBERK_PLUGINS_OFF=tracing hauberk plugin list
    """
    plugins = sorted([*data_host().describe(), *control_host().describe()], key=lambda found: (found.name, found.half))
    for name in names:
        if name not in {found.name for found in plugins}:
            raise CheckFailed(f"no plugin called {name!r} is installed", "hauberk plugin list")
    plugins = [found for found in plugins if not names or found.name in names]
    if output == JSON:
        show_json(Plugins(plugins=plugins))
        return
    if not plugins:
        click.echo("No plugin is installed. One is a package with an entry point in the group hauberk.data or hauberk.control.")
        return
    rows = [("NAME", "HALF", "PACKAGE", "API", "STATE", "HOOKS"), *[_row(found) for found in plugins]]
    show_table(rows)
    refused = [found for found in plugins if found.state == "refused"]
    for found in refused:
        click.echo(click.style(f"{found.name} ({found.half}) is refused: ", fg="red", bold=True) + found.reason, err=True)
    if any(found.state == "off" for found in plugins):
        click.echo(f"next: what is off was switched off by {OFF_VARIABLE}", err=True)


def _row(found: Description) -> tuple[str, ...]:
    package = f"{found.package} {found.version}".strip()
    hooks = " ".join([hook.removeprefix("hauberk_") for hook in found.hooks])
    return found.name, found.half, package or "-", found.api or "-", found.state, hooks or "-"
