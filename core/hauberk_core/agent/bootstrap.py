"""All that the agent of a mesh's proxy is started with: where control is, how to know it, and who this proxy is to be."""

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from hauberk_core.bounded_read import read_bounded
from hauberk_core.identity import SpiffeId

# A node document lists a port for each service; the largest meshes have some ten thousand.
LARGEST_BOOTSTRAP: Final = 2 * 1024 * 1024


class BootstrapError(Exception):
    """There is no bootstrap document that could be used; the message says why and what to do."""


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document, JSON in a file that only its owner reads: it may hold a join token."""

    control: str
    """`host:port` where control requires a certificate of the mesh: discovery, and renewal of certificates."""
    join: str
    """`host:port` where control takes join tokens."""
    authority: str = ""
    """`host:port` of whoever signs in control's place, asked with a token each time; empty: control signs."""
    root: str
    """The authorities, PEM, by which control is known at first."""
    identity: str
    """The SPIFFE ID to ask for. Whether it is given is for control to say."""
    role: str
    """`gateway` or `sidecar`."""
    name: str
    """A gateway's `namespace/name`; a sidecar's workload."""
    node: msgspec.Raw
    """What control is told of this proxy (`hauberk_control.translate.node.Node`), passed on as it is."""
    state: str
    """A folder of this proxy's own, for its identity and its last good configuration."""
    join_token: str = ""
    """For the first certificate; good once. Empty: the state folder holds a certificate."""
    attended: bool = False
    """Whoever started the proxy gives it further tokens, by replacing this document, where it asks for one."""
    admin: str = ""
    """Address of the admin server; empty: none."""
    workers: int = 1
    validity_seconds: int = 0
    """How long certificates shall live; 0 leaves it to control."""

    def spiffe_id(self) -> SpiffeId:
        """The identity, read. Raises: BootstrapError."""
        try:
            return SpiffeId.parse(self.identity)
        except ValueError as error:
            raise BootstrapError(f"the bootstrap document's identity: {error}") from error


def read_bootstrap(path: Path) -> Bootstrap:
    """Read the document.

    Raises: BootstrapError if it is not there, open to others, or malformed.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise BootstrapError(f"{path} may hold a join token and is open to others; run: chmod 600 {path}")
            data = read_bounded(file, LARGEST_BOOTSTRAP)
    except OSError as error:
        raise BootstrapError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_BOOTSTRAP:
        raise BootstrapError(f"{path} is longer than the {LARGEST_BOOTSTRAP} octets a bootstrap document may have")
    try:
        return msgspec.json.decode(data, type=Bootstrap)
    except msgspec.MsgspecError as error:
        raise BootstrapError(f"{path} is no bootstrap document: {error}") from error


def write_bootstrap(path: Path, bootstrap: Bootstrap) -> None:
    """Write the document, readable by its owner alone, in one step. Raises: OSError."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(msgspec.json.format(msgspec.json.encode(bootstrap), indent=2))
    fresh.replace(path)
