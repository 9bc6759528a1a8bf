"""Reads the files, injects their pods and prints them."""

from pathlib import Path

import click

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_control.inject.inject import Cluster
from hauberk_control.inject.manifests import ManifestInjector, Note
from hauberk_control.proxy_settings import ProxySettings, read_settings
from hauberk_core.bounded_read import read_bounded
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.resources.yaml import LARGEST_FILE


def inject_files(files: tuple[Path, ...], namespace: str, settings: Path | None, native_sidecars: bool) -> int:
    """Print `files` with their pods injected. Returns: the exit code."""
    sources = [("<stdin>" if str(file) == "-" else str(file), _read(file)) for file in files]
    injector = ManifestInjector(_settings(settings), Cluster(native_sidecars), namespace)
    errors: list[ConfigError] = []
    texts: list[str] = []
    notes: list[Note] = []
    try:
        # First of all: a Namespace may stand behind its pods, or in another file.
        for origin, data in sources:
            injector.note_namespaces(data, origin)
    except ConfigErrors as refused:
        errors += refused.errors
    else:
        for origin, data in sources:
            try:
                injected = injector.inject_text(data, origin)
            except ConfigErrors as refused:
                errors += refused.errors
            else:
                texts.append(injected.text)
                notes += injected.notes
    if errors:
        for error in errors:
            click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
        return CHECK_FAILED
    click.echo(_joined(texts), nl=False)
    for note in notes:
        _tell(note)
    return OK


def _read(file: Path) -> bytes:
    try:
        with click.open_file(str(file), "rb") as stream:
            return read_bounded(stream, LARGEST_FILE)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", "check the name, and whether you may read it") from error


def _settings(file: Path | None) -> ProxySettings:
    if file is None:
        return ProxySettings()
    try:
        return read_settings(_read(file), str(file))
    except ConfigErrors as refused:
        raise CommandError(str(refused), "correct the settings; docs/reference/injection.md tells what there is") from refused


def _joined(texts: list[str]) -> str:
    """One stream of documents."""
    whole = ""
    for text in texts:
        if whole and not text.startswith("---"):
            whole += "---\n" if whole.endswith("\n") else "\n---\n"
        whole += text
    return whole


def _tell(note: Note) -> None:
    if not note.injected:
        click.echo(f"{note.name}: not injected: {note.text}", err=True)
    elif note.text:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + f"{note.name}: {note.text}", err=True)
    else:
        click.echo(f"{note.name}: injected", err=True)
