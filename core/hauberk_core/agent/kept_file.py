"""Files in which a process keeps for its next start what it has: whole, private, and of a known form, or not used.

A line that tells what the file is, the digest of the rest, and the rest.
"""

import hashlib
from pathlib import Path
from typing import Final

from hauberk_core.agent.identity.private_file import PrivateFileError, read_private, write_private

_DIGEST_OCTETS: Final = 32


class KeptFileError(Exception):
    """The file cannot be used, or not be written; the message says which and why."""


def seal(first_line: bytes, content: bytes) -> bytes:
    """The octets of a file. Args: first_line - what it is and of which form, with its line break."""
    return b"".join([first_line, _digest(content), content])


def write_kept(path: Path, first_line: bytes, content: bytes) -> None:
    """Replace what is there, mode 0600, in one go. Blocks.

    Raises: KeptFileError; what was there before is unchanged then.
    """
    try:
        write_private(path, seal(first_line, content))
    except PrivateFileError as error:
        raise KeptFileError(str(error)) from error


def read_kept(path: Path, first_line: bytes, largest: int) -> bytes | None:
    """What was written last; None if nothing was. Blocks.

    Args: largest - octets. Raises: KeptFileError.
    """
    try:
        data = read_private(path, largest=largest)
    except FileNotFoundError:
        return None
    except PrivateFileError as error:
        raise KeptFileError(str(error)) from error
    if not data.startswith(first_line):
        shown = data.partition(b"\n")[0][:80].decode("ascii", "replace")
        raise KeptFileError(f"{path} begins with {shown!r}, which is not what this version of hauberk writes")
    content = data[len(first_line) + _DIGEST_OCTETS :]
    if data[len(first_line) :][:_DIGEST_OCTETS] != _digest(content):
        raise KeptFileError(f"{path} is damaged: its digest is another one")
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_OCTETS).digest()
