"""The proxies of a mesh that run on this machine, by the documents that they were started with."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hauberk_cli.errors import CommandError
from hauberk_control.local.client import ControlAway, find_mesh
from hauberk_control.local.messages import FOLDER_NAME


class LocalProxy(NamedTuple):
    """One proxy; its folder outlives it, so that it may have ended."""

    role: str
    name: str
    """A gateway's `namespace/name`; a sidecar's workload."""
    namespace: str
    """Of a sidecar."""
    admin: str
    """Address of its admin server."""

    @property
    def full_name(self) -> str:
        """`namespace/name`, as `hauberk proxies` shows it; of one that is in no mesh, its name alone."""
        return f"{self.namespace}/{self.name}" if self.role == "sidecar" else self.name


class _Node(msgspec.Struct):
    namespace: str = "default"


class _Document(msgspec.Struct):
    """What of a bootstrap document is needed to ask its proxy."""

    role: str
    name: str
    node: _Node
    admin: str = ""


def local_proxies(mesh: Path | None) -> Iterator[LocalProxy]:
    """Those that have an admin server, by role and name. Raises: CommandError if there is no mesh."""
    try:
        folder = find_mesh(mesh) / FOLDER_NAME / "proxies"
    except ControlAway as error:
        raise CommandError(str(error), "hauberk up DIR") from error
    for path in sorted(folder.glob("*/bootstrap.json")):
        try:
            document = msgspec.json.decode(path.read_bytes(), type=_Document)
        except (OSError, msgspec.MsgspecError):
            # It is just being written, or its proxy never started.
            continue
        if document.admin:
            yield LocalProxy(document.role, document.name, document.node.namespace, document.admin)


def find_proxy(mesh: Path | None, name: str) -> LocalProxy:
    """The proxy that is meant by `namespace/name`, or by its name alone where no other has it. Raises: CommandError."""
    known = list(local_proxies(mesh))
    meant = [proxy for proxy in known if name in (proxy.full_name, proxy.full_name.rpartition("/")[2])]
    # A gateway and a workload may have one name; whoever writes it in full, or with its role, says which.
    exact = [proxy for proxy in meant if proxy.full_name == name] + [p for p in known if name == f"{p.role}/{p.full_name}"]
    found = exact if len(exact) == 1 else exact or meant
    if not found:
        there = ", ".join([proxy.full_name for proxy in known]) or "none"
        raise CommandError(f"no proxy of this mesh is called {name!r}; there are: {there}", "hauberk proxies")
    if len(found) > 1:
        names = [f"{proxy.role}/{proxy.full_name}" for proxy in found]
        raise CommandError(f"{name!r} may be any of {', '.join(names)}", f"the same with {names[0]}")
    return found[0]
