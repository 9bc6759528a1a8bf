"""Workloads on disk, so that control that starts again knows them before they have come back to it.

Without it a proxy that finds control sooner than a workload does would be told of a service without that endpoint.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from hauberk_control.local.messages import RegisterWorkload
from hauberk_core.agent.identity.private_file import PrivateFileError, read_private, write_private
from hauberk_core.agent.logs import LOG

FILE_NAME: Final = "workloads.json"

_decoder: Final = msgspec.json.Decoder(list[RegisterWorkload])


def save_workloads(folder: Path, workloads: Sequence[RegisterWorkload]) -> None:
    """Keep those that take requests. Blocks; where it fails, the log says so."""
    try:
        write_private(folder / FILE_NAME, msgspec.json.encode(workloads))
    except PrivateFileError as error:
        LOG.error("workloads are not kept for a restart of control: %s", error)


def load_workloads(folder: Path) -> list[RegisterWorkload]:
    """Those that were kept last; none where there is nothing that can be used, and the log then says why. Blocks."""
    try:
        return _decoder.decode(read_private(folder / FILE_NAME))
    except FileNotFoundError:
        return []
    except (PrivateFileError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        LOG.warning("workloads that ran before are not known until they come back: %s", error)
        return []
