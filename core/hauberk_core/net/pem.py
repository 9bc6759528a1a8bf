"""Gives OpenSSL certificates, keys and bundles that exist in memory only.

`ssl` loads a key from a file and nothing else. On Linux the files are memfds, which have no name and vanish with their
descriptor; elsewhere they are files of mode 0600 that are deleted as soon as they have been read.
"""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Final

_DESCRIPTOR_FOLDER: Final = "/proc/self/fd"


class PemFile:
    """A file for whoever reads files only. Whoever makes it closes it."""

    def __init__(self, content: bytes) -> None:
        """Hide `content` from everybody but this process, as far as the system can."""
        self._descriptor = -1
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.path: str = ""
        if hasattr(os, "memfd_create") and Path(_DESCRIPTOR_FOLDER).is_dir():
            self._descriptor = _memory_file(content)
            self.path = f"{_DESCRIPTOR_FOLDER}/{self._descriptor}"
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="hauberk-")  # has mode 0700
            self.path = str(_private_file(Path(self._folder.name, "file.pem"), content))

    def close(self) -> None:
        """Take it away."""
        if self._folder is not None:
            self._folder.cleanup()
        else:
            os.close(self._descriptor)


def load_certificate(context: ssl.SSLContext, chain_pem: bytes, key_pem: bytes) -> None:
    """Make `context` present this certificate.

    Raises: ssl.SSLError if one of them cannot be read or they do not belong together; ValueError if the key is encrypted. The
    context must then not be used.
    """
    chain = PemFile(chain_pem)
    try:
        key = PemFile(key_pem)
        try:
            context.load_cert_chain(chain.path, key.path, _refuse_password)
        finally:
            key.close()
    finally:
        chain.close()


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("hauberk-pem", os.MFD_CLOEXEC)
    try:
        _write_all(descriptor, content)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _private_file(path: Path, content: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, content)
    finally:
        os.close(descriptor)
    return path


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _refuse_password() -> str:
    # Without this OpenSSL would ask for the password on the terminal, and wait.
    raise ValueError("the key is encrypted, and a proxy has nobody to ask for the password")
