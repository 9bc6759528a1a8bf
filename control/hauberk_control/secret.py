"""The secret of a mesh, from which plugins get theirs: made once, kept beside the authority, and never shown or sent itself."""

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

from hauberk_core.agent.identity.private_file import read_private, write_private

FILE_NAME: Final = "plugins.secret"
_OCTETS: Final = 32


def keep_secret(folder: Path) -> bytes:
    """The secret that was made before, else a new one that is kept from now on. Blocks.

    Raises: PrivateFileError: it cannot be read or written, or others may read it.
    """
    path = folder / FILE_NAME
    try:
        kept = read_private(path, largest=_OCTETS)
    except FileNotFoundError:
        kept = b""
    if len(kept) != _OCTETS:
        kept = os.urandom(_OCTETS)
        write_private(path, kept)
    return kept


def derived(secret: bytes, purpose: str) -> str:
    """The secret for one purpose: who has it learns nothing of the mesh's, nor of another purpose's."""
    return blake2b(purpose.encode(), key=secret, digest_size=_OCTETS, person=b"hauberk-plugins").hexdigest()
