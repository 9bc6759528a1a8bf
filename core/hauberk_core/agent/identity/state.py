"""The identity on disk, so that an agent that starts again needs neither a token nor control."""

from pathlib import Path
from typing import Final

import msgspec

from hauberk_core.agent.identity.private_file import read_private, write_private
from hauberk_core.agent.identity.workload import IdentityRefused, WorkloadIdentity

FILE_NAME: Final = "identity.json"

_decoder: Final = msgspec.json.Decoder(WorkloadIdentity)


def save_identity(folder: Path, identity: WorkloadIdentity) -> None:
    """Keep `identity` in `folder`, mode 0600. Blocks. Raises: PrivateFileError; what was kept before is then still there."""
    write_private(folder / FILE_NAME, msgspec.json.encode(identity))


def load_identity(folder: Path) -> WorkloadIdentity | None:
    """What `folder` holds, unchecked, or None if there is nothing. Blocks.

    Raises: PrivateFileError if the file cannot be read or others may read it; IdentityRefused if it is damaged.
    """
    path = folder / FILE_NAME
    try:
        return _decoder.decode(read_private(path))
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise IdentityRefused(f"{path} is damaged: {error}") from error
