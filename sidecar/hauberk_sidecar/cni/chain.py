"""The node's chain of CNI plugins: a file of JSON that belongs to whoever made the network, and our link at its end."""

import json
import os
from pathlib import Path
from typing import Any, Final

PLUGIN: Final = "hauberk-cni"
"""The link's type, which is the name of the program that the runtime starts."""
# A list of plugins is some KiB; what is larger is no such list.
_MOST_BYTES: Final = 1 << 20
# Where a runtime looks, in the order of names (https://github.com/containernetworking/cni/tree/main/libcni).
_KINDS: Final = (".conf", ".conflist", ".json")


class ChainError(Exception):
    """The chain cannot have our link; the message says why and what to do."""


def find_chain(folder: Path) -> Path:
    """The file that the runtime works by: the first by name. Raises: ChainError."""
    try:
        files = sorted([path for path in folder.iterdir() if path.suffix in _KINDS])
    except OSError as error:
        raise ChainError(
            f"{folder} cannot be read: {error.strerror}; is it the folder of the node's CNI configuration?"
        ) from error
    if not files:
        raise ChainError(f"{folder} has no configuration yet; the node's network has to be installed first")
    if files[0].suffix != ".conflist":
        raise ChainError(f"{files[0]} holds one plugin, no list; rewrite it as a .conflist, to which others can be added")
    return files[0]


def add_link(chain: Path) -> bool:
    """Put our link at the end, where it is missing. Returns: whether it was. Raises: ChainError."""
    found = _read(chain)
    links = _links(found, chain)
    if any(link.get("type") == PLUGIN for link in links):
        return False
    found["plugins"] = [*links, {"type": PLUGIN}]
    _write(chain, found)
    return True


def remove_link(chain: Path) -> bool:
    """Take our link out. Returns: whether it was there. Raises: ChainError."""
    found = _read(chain)
    links = _links(found, chain)
    others = [link for link in links if link.get("type") != PLUGIN]
    if len(others) == len(links):
        return False
    found["plugins"] = others
    _write(chain, found)
    return True


def _read(chain: Path) -> dict[str, Any]:
    try:
        with chain.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        found = json.loads(text) if len(text) <= _MOST_BYTES else None
    except OSError as error:
        raise ChainError(f"{chain} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ChainError(f"{chain} is not JSON, or not yet: {error}") from error
    if not isinstance(found, dict):
        raise ChainError(f"{chain} is no list of plugins")
    return found


def _links(found: dict[str, Any], chain: Path) -> list[dict[str, Any]]:
    links = found.get("plugins")
    if not isinstance(links, list) or not links or not all(isinstance(link, dict) for link in links):
        raise ChainError(f"{chain} has no plugins; the node's network has to be installed first")
    return links


def _write(chain: Path, found: dict[str, Any]) -> None:
    # The runtime reads at any moment, and does not look at names that begin with a point.
    aside = chain.with_name(f".{PLUGIN}.new")
    try:
        aside.write_text(json.dumps(found, indent=2) + "\n")
        aside.chmod(chain.stat().st_mode & 0o777)
        os.replace(aside, chain)  # noqa: PTH105 - one call, atomic
    except OSError as error:
        raise ChainError(f"{chain} cannot be written: {error.strerror}") from error
