"""`hauberk config check`."""

from pathlib import Path
from typing import Final

import click
import msgspec

from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.output import JSON, output_option, show_json
from hauberk_core.bounded_read import read_bounded
from hauberk_core.config import load_snapshot
from hauberk_core.model.document import LARGEST_DOCUMENT
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.snapshot import Snapshot

_COLOURS: Final = {"error": "red", "warning": "yellow"}
_OF_A_MESH: Final = "a mesh's objects are checked where they are served: hauberk up DIR, then hauberk status"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in configuration files."""

    ok: bool
    """Whether every file can be served; warnings do not count."""
    errors: list[ConfigError]
    """Every mistake, warnings included, in the order of the files."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, allow_dash=True))
@output_option("hauberk_cli.config.check:Checked")
def check(files: tuple[Path, ...], output: str) -> int:
    """Check configuration files; show every mistake with its place.

    "-" reads standard input. Exits with 0 if every file can be served (warnings do not count), else with 1.

    \b
    Examples:
      hauberk config check gateway.json
      hauberk config check -o json *.json
      generate-config | hauberk config check -
    """
    found = [error for file in files for error in _check_file(file)]
    failed = any(error.severity == "error" for error in found)
    if output == JSON:
        show_json(Checked(ok=not failed, errors=found))
    else:
        for error in found:
            _show(error)
        _summarise(files, found)
    return CHECK_FAILED if failed else OK


def _check_file(file: Path) -> list[ConfigError]:
    origin = "<stdin>" if str(file) == "-" else str(file)
    try:
        with click.open_file(str(file), "rb") as stream:
            data = read_bounded(stream, LARGEST_DOCUMENT)
    except IsADirectoryError:
        message = "this is a folder, and files are checked, each the configuration of one proxy"
        return [ConfigError(origin=origin, message=message, hint=f"name files; {_OF_A_MESH}")]
    except OSError as error:
        hint = "check the name, and whether you may read it"
        return [ConfigError(origin=origin, message=f"cannot be read: {error.strerror}", hint=hint)]
    if file.suffix in (".yaml", ".yml"):
        message = "this is YAML, and the configuration of a proxy, which is what is checked here, is JSON"
        return [ConfigError(origin=origin, message=message, hint=f"write JSON; {_OF_A_MESH}")]
    try:
        return load_snapshot(data, origin, _plugin_mistakes).warnings
    except ConfigErrors as errors:
        return errors.errors


def _plugin_mistakes(snapshot: Snapshot) -> list[Mistake]:
    """What the plugins installed beside this command say to their part."""
    # Most configurations name no plugin and need not wait until they are found.
    from hauberk_core.plugin.check import find_plugin_mistakes
    from hauberk_core.plugin.host import data_host

    return find_plugin_mistakes(snapshot, data_host()) if _names_plugins(snapshot) else []


def _names_plugins(snapshot: Snapshot) -> bool:
    chains = [chain for listener in snapshot.listeners.values() for chain in listener.filter_chains]
    routes = [route for table in snapshot.route_tables.values() for host in table.virtual_hosts for route in host.routes]
    transports = [chain.transport for chain in chains] + [cluster.transport for cluster in snapshot.clusters.values()]
    plugins = [place.plugins for place in chains] + [place.plugins for place in routes]
    plugins += [cluster.plugins for cluster in snapshot.clusters.values()]
    return any(plugins) or any(transport.security not in ("plain", "tls") for transport in transports)


def _show(error: ConfigError) -> None:
    place = f"{error.origin}:{error.line}:{error.column}: " if error.line else f"{error.origin}: "
    label = click.style(f"{error.severity}: ", fg=_COLOURS[error.severity], bold=True)
    where = f"{error.path}: " if error.path else ""
    click.echo(click.style(place, bold=True) + label + where + error.message)
    click.echo(click.style("    hint: ", fg="cyan") + error.hint)


def _summarise(files: tuple[Path, ...], found: list[ConfigError]) -> None:
    errors = sum(error.severity == "error" for error in found)
    warnings = len(found) - errors
    counted = ", ".join([_count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number])
    click.echo(f"{_count(len(files), 'file')}: {counted or 'no mistakes'}")
    if errors:
        click.echo("next: correct the places above, then run the same command again")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
