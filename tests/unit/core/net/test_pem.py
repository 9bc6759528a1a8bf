"""Giving OpenSSL certificates that exist in memory only."""

import os
import ssl
import tempfile
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from hauberk_core.net import pem
from hauberk_core.net.pem import load_certificate

AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("a.example.test")
CHAIN = b"".join(part.bytes() for part in LEAF.cert_chain_pems)
KEY = LEAF.private_key_pem.bytes()


def _context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def _shown_name(context: ssl.SSLContext) -> str:
    """The certificate that a client sees, by its name; proves that chain and key work together."""
    client = ssl.create_default_context()
    AUTHORITY.configure_trust(client)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="a.example.test")
    theirs = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = ours.getpeercert()
    assert certificate is not None
    return str(certificate["subjectAltName"][0][1])


def test_a_certificate_is_loaded_and_no_descriptor_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    context = _context()
    load_certificate(context, CHAIN, KEY)
    assert _shown_name(context) == "a.example.test"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_nothing_is_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    load_certificate(_context(), CHAIN, KEY)


def test_without_memory_files_private_ones_are_used_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create")
    context = _context()
    load_certificate(context, CHAIN, KEY)
    assert _shown_name(context) == "a.example.test"
    assert not list(tmp_path.iterdir())


def test_the_fallbacks_files_are_readable_to_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = pem._private_file(tmp_path / "key.pem", b"key")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_certificate_is_refused() -> None:
    other = AUTHORITY.issue_cert("b.example.test")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        load_certificate(_context(), CHAIN, other.private_key_pem.bytes())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_encrypted_key_is_refused_instead_of_asking_the_terminal() -> None:
    key = serialization.load_pem_private_key(KEY, None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(ValueError, match="encrypted"):
        load_certificate(_context(), CHAIN, encrypted)
