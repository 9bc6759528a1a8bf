"""The route of reviews as a person edits it: the weights in its file."""

import re
from pathlib import Path
from typing import Final

Weights = tuple[int, int, int]
"""Of reviews v1, v2 and v3."""

_WEIGHT: Final = re.compile(r"weight: (\d+)")
_BACKENDS: Final = re.compile(r"( *- \{name: )reviews-v1(, port: \d+), weight: \d+\}\n(?: *- \{name: reviews-v\d.*\n)+")


def read_weights(route: Path) -> Weights:
    """The weights in the file. Raises: OSError; ValueError if there are not three."""
    v1, v2, v3 = [int(weight) for weight in _WEIGHT.findall(route.read_text())]
    return v1, v2, v3


def with_weights(text: str, weights: Weights) -> str:
    """The file's text with other weights."""
    fresh = iter(weights)
    return _WEIGHT.sub(lambda _: f"weight: {next(fresh)}", text)


def without_versions(text: str) -> str:
    """The file's text with the Service of all versions as the only backend, in place of one for each version."""
    return _BACKENDS.sub(r"\1reviews\2}\n", text)


def replace_file(path: Path, text: str) -> None:
    """Replace the file at `path` in one step, as editors do."""
    # A hidden name, so that the half-written one is no file of the mesh.
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
