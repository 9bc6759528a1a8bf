"""The last configuration that served, on disk, so that a proxy can start while control is away.

One file, with the configuration as MessagePack. It is readable to its owner alone because certificates' keys are in it, and one
that is damaged, of another version, of another identity or for another node is not used: a proxy without a configuration waits,
one with a wrong one would serve it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hauberk_core.agent.kept_file import KeptFileError, read_kept, write_kept
from hauberk_core.wire_proto.configuration import Resources, Versioned

FILE_NAME: Final = "last-good"
# To be raised whenever what follows is laid out otherwise, or resources of older versions could be misread.
FORMAT: Final = 1
_FIRST_LINE: Final = b"hauberk last good configuration %d\n" % FORMAT
_NODE_DIGEST_OCTETS: Final = 32
# A step may have 64 MiB, and a whole configuration no more (a new proxy gets it in one step); names and versions come on top.
LARGEST_STATE: Final = 80 * 1024 * 1024


class LastGoodError(Exception):
    """The file cannot be used; the message says which, why and what follows from it."""


class LastGood(NamedTuple):
    """A configuration that served."""

    version: str
    resources: Resources
    in_force_since: float
    """Seconds since the epoch."""


class _State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    identity: str
    node: bytes
    version: str
    in_force_since: float
    resources: dict[str, tuple[str, bytes]]


class LastGoodFile:
    """The file of one proxy."""

    def __init__(self, folder: Path, identity: str, node: bytes) -> None:
        """Name it.

        Args: folder - the proxy's own; identity - its SPIFFE ID; node - its node document, as text. What was saved for another
        identity or node is not used.
        """
        self.path: Final = folder / FILE_NAME
        self._identity: Final = identity
        self._node: Final = hashlib.blake2b(node, digest_size=_NODE_DIGEST_OCTETS).digest()

    def save(self, version: str, resources: Resources, in_force_since: float) -> None:
        """Replace what is there. Blocks.

        Args: in_force_since - when it began to serve, in seconds since the epoch.
        Raises: LastGoodError; what was there before is unchanged then.
        """
        bodies: Mapping[str, tuple[str, bytes]] = {
            name: (resource.version, resource.body) for name, resource in resources.items()
        }
        state = msgspec.msgpack.encode(_State(self._identity, self._node, version, in_force_since, dict(bodies)))
        try:
            write_kept(self.path, _FIRST_LINE, state)
        except KeptFileError as error:
            raise LastGoodError(f"the configuration is not kept for a restart without control: {error}") from error

    def load(self) -> LastGood | None:
        """What was saved last; None if nothing was. Blocks.

        Raises: LastGoodError if it cannot be used; the next `save` replaces it.
        """
        try:
            state = read_kept(self.path, _FIRST_LINE, LARGEST_STATE)
        except KeptFileError as error:
            raise LastGoodError(f"the configuration kept on disk is not used: {error}") from error
        if state is None:
            return None
        try:
            decoded = msgspec.msgpack.decode(state, type=_State)
        except msgspec.MsgspecError as error:
            raise self._unusable(f"it cannot be read: {error}") from error
        if decoded.identity != self._identity:
            raise self._unusable(f"it is of {decoded.identity}, and this proxy is {self._identity}")
        if decoded.node != self._node:
            raise self._unusable("it was made for another node document, with other ports or another name")
        resources = {name: Versioned(*resource) for name, resource in decoded.resources.items()}
        return LastGood(decoded.version, resources, decoded.in_force_since)

    def _unusable(self, why: str) -> LastGoodError:
        return LastGoodError(
            f"the configuration kept in {self.path} is not used: {why}; it is replaced by the next one from control"
        )
