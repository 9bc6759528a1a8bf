"""Writes manifests as YAML: one form for every value, so that equal manifests give equal octets."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from hauberk_cli.install.expressions import Expression

# Words that stand without quotes; what YAML of any version could take for something else is not among them.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_TAKEN: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


def write_yaml(value: object, indent: int = 0) -> str:
    """A manifest as lines, in its own order of fields; leaves that are expressions become Helm's. As deep as the manifest.

    Args: value - not empty: a mapping, or a sequence; indent - levels, two spaces each.
    """
    space = "  " * indent
    lines: list[str] = []
    if isinstance(value, Mapping):
        for name, item in value.items():
            lines.append(f"{space}{_scalar(name)}:{_nested(item, indent)}")
    elif isinstance(value, Sequence):
        for item in value:
            lines.append(f"{space}- {write_yaml(item, indent + 1).lstrip() if _is_block(item) else _leaf(item)}")
    return "".join(lines)


def _nested(item: object, indent: int) -> str:
    if not _is_block(item):
        return f" {_leaf(item)}"
    return "\n" + write_yaml(item, indent + 1 if isinstance(item, Mapping) else indent)


def _is_block(value: object) -> bool:
    """Whether it takes lines of its own: what is empty does not."""
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str) and len(value) > 0


def _leaf(value: object) -> str:
    return f"{{{{ {value.helm()} | toJson }}}}\n" if isinstance(value, Expression) else f"{_scalar(value)}\n"


def _scalar(value: object) -> str:
    """Everything but a plain word as JSON, which is YAML too."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _TAKEN:
        return value
    return json.dumps(value, ensure_ascii=False)
