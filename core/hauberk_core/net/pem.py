"""Gives OpenSSL a certificate and its key that exist in memory only.

`ssl` loads them from files and nothing else. On Linux the files are memfds, which have no name and vanish with their descriptor;
elsewhere they are files of mode 0600 that are deleted before this returns.
"""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Final

_DESCRIPTOR_FOLDER: Final = "/proc/self/fd"


def load_certificate(context: ssl.SSLContext, chain_pem: bytes, key_pem: bytes) -> None:
    """Make `context` present this certificate.

    Raises: ssl.SSLError if one of them cannot be read or they do not belong together; ValueError if the key is encrypted. The
    context must then not be used.
    """
    if hasattr(os, "memfd_create") and Path(_DESCRIPTOR_FOLDER).is_dir():
        _load_through_memory(context, chain_pem, key_pem)
    else:
        _load_through_files(context, chain_pem, key_pem)


def _load_through_memory(context: ssl.SSLContext, chain_pem: bytes, key_pem: bytes) -> None:
    chain = _memory_file("hauberk-chain", chain_pem)
    try:
        key = _memory_file("hauberk-key", key_pem)
        try:
            context.load_cert_chain(f"{_DESCRIPTOR_FOLDER}/{chain}", f"{_DESCRIPTOR_FOLDER}/{key}", _refuse_password)
        finally:
            os.close(key)
    finally:
        os.close(chain)


def _memory_file(name: str, content: bytes) -> int:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        _write_all(descriptor, content)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _load_through_files(context: ssl.SSLContext, chain_pem: bytes, key_pem: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="hauberk-") as folder:  # the folder has mode 0700
        chain = _private_file(Path(folder, "chain.pem"), chain_pem)
        key = _private_file(Path(folder, "key.pem"), key_pem)
        context.load_cert_chain(chain, key, _refuse_password)


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
