"""`hauberk plugin new`: a package to begin with, made from the one in `template`, which is whole, checked and tested itself."""

import importlib.util
import keyword
import os
import re
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from shlex import quote
from typing import Final, NamedTuple

import click

from hauberk_cli.errors import CommandError
from hauberk_core.entry_points import find_entry_points
from hauberk_core.plugin.installed import CONTROL, DATA

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME: Final = 40
"""Characters; the name becomes one of a package, a module, a kind and a host's label, which takes 63."""


class Names(NamedTuple):
    """What one plugin is called, in each place."""

    plugin: str
    module: str
    kind: str

    @classmethod
    def of(cls, plugin: str) -> "Names":
        """The names that follow from the plugin's."""
        return cls(plugin, plugin.replace("-", "_"), "".join([part.capitalize() for part in plugin.split("-")]))

    def renamed(self, text: str) -> str:
        """A text of the template, with these names in place of its own."""
        for old, new in zip(TEMPLATE, self, strict=True):
            text = text.replace(old, new)
        return text


TEMPLATE: Final = Names.of("example-teams")


@click.command("new")
@click.argument("name")
@click.option(
    "--dir",
    "parent",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Where to make its folder.  [default: the current one]",
)
def new_plugin(name: str, parent: Path) -> None:
    """Write a new plugin: an installable package that works, with both halves, tests and a README.

    NAME is in lower case, with dashes between words. The package lets the requests of some teams in: a start from which to write
    what you need. Nothing that is there already is touched.

    \b
    Examples:
      hauberk plugin new doorman
      hauberk plugin new rate-limit --dir ~/src
    """
    _check_name(name)
    folder = parent / name
    if os.path.lexists(folder):
        raise CommandError(f"{folder} is there already", "hauberk plugin new ANOTHER_NAME, or add --dir ANOTHER_FOLDER")
    try:
        written = write_plugin(Names.of(name), folder)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}", "hauberk plugin new NAME --dir FOLDER") from error
    for path in written:
        click.echo(f"written  {folder / path}")
    click.echo(f"next     cd {quote(str(folder))} && pip install --editable '.[test]' && python -m pytest && hauberk plugin list")


def write_plugin(names: Names, folder: Path) -> list[Path]:
    """Write the package into a new folder: all of it, or nothing.

    Returns: its files, below `folder`. Raises: OSError.
    """
    written: list[Path] = []
    with tempfile.TemporaryDirectory(prefix=f".{names.plugin}-", dir=folder.parent) as scratch:
        whole = Path(scratch) / names.plugin
        for path, text in sorted(_files(resources.files("hauberk_cli.plugin").joinpath("template"), Path())):
            renamed = Path(names.renamed(str(path)))
            target = whole / renamed
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(names.renamed(text))
            written.append(renamed)
        whole.rename(folder)
    return written


def _files(folder: Traversable, below: Path) -> Iterator[tuple[Path, str]]:
    for found in folder.iterdir():
        path = below / found.name
        if found.is_file():
            yield path, found.read_text()
        elif found.name != "__pycache__":
            yield from _files(found, path)


def _check_name(name: str) -> None:
    """Raises: CommandError for a name that could not be a plugin's, or is one's already."""
    why = _fault(name, Names.of(name).module)
    if why:
        raise CommandError(f"a plugin cannot be called {name!r}: {why}", "hauberk plugin new NAME, for example doorman")


def _fault(name: str, module: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        return f"a name has lower case letters, digits, and dashes between them, at most {_LONGEST_NAME} in all"
    if keyword.iskeyword(module) or module == "tests":
        return "its module could not be called so"
    if any(entry.name == name for group in (DATA, CONTROL) for entry in find_entry_points(group)):
        return "one of that name is installed (hauberk plugin list)"
    if importlib.util.find_spec(module) is not None:
        return f"there is a module called {module} already, and one would hide the other"
    return ""
