"""Some commands need libraries that hauberk does not install by itself."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from hauberk_cli.errors import CommandError

# By extra: what of it is imported, and cannot be done without.
LIBRARIES: Final = {
    "mesh": ("grpc", "google.protobuf"),
    "control": ("grpc", "google.protobuf", "yaml"),
    "kubernetes": ("kubernetes",),
}


def need(extras: tuple[str, ...], is_there: Callable[[str], bool] | None = None) -> None:
    """Make sure that `extras`, keys of LIBRARIES, are installed. Raises: CommandError, with what to type."""
    found = is_there or _is_there
    missing = sorted({library for extra in extras for library in LIBRARIES[extra] if not found(library)})
    if missing:
        raise CommandError(f"not installed: {', '.join(missing)}", f"pip install 'hauberk[{','.join(extras)}]'")


def _is_there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:
        # The package around it is missing.
        return False
