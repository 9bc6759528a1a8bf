"""An authority that somebody else made, as Istio takes it from a Secret named `cacerts`: four PEM files in a folder."""

import datetime as dt
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509

from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import check_begun
from hauberk_core.agent.identity.private_file import PrivateFileError, read_private
from hauberk_core.agent.identity.svid import PrivateKey, SvidError, check_chain, check_key, read_key, read_pem

CERTIFICATE_FILE: Final = "ca-cert.pem"
KEY_FILE: Final = "ca-key.pem"
CHAIN_FILE: Final = "cert-chain.pem"
ROOT_FILE: Final = "root-cert.pem"
_FILES: Final = f"{CERTIFICATE_FILE}, {KEY_FILE}, {CHAIN_FILE} and {ROOT_FILE}"


class GivenAuthority(NamedTuple):
    """A certificate that signs, the way from it to a root, and the roots to trust."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    """From the signing certificate upwards, without roots; empty if a root signs."""
    roots: tuple[x509.Certificate, ...]


def has_cacerts(folder: Path) -> bool:
    """Whether somebody put an authority there."""
    return (folder / CERTIFICATE_FILE).exists()


def load_cacerts(folder: Path, now: dt.datetime) -> GivenAuthority:
    """Read and check the four files. Blocks.

    Raises: AuthorityError naming the file, if one is missing or wrong, if key and certificate do not belong together, or if the
    chain does not lead to a root.
    """
    certificate = _certificates(folder, CERTIFICATE_FILE)[0]
    try:
        # Kubernetes mounts Secrets readable to a group: who may read them is said there, not by the file's mode.
        key = read_key(_read(folder, KEY_FILE))
        check_key(certificate, key)
    except SvidError as error:
        raise AuthorityError(f"{folder / KEY_FILE}: {error}; give the key of {CERTIFICATE_FILE}") from error
    roots = _certificates(folder, ROOT_FILE)
    above = [each for each in _certificates(folder, CHAIN_FILE) if each not in roots and each != certificate]
    chain = (certificate, *above) if certificate not in roots else ()
    for each in (certificate, *above):
        _check_authority(each, folder)
        check_begun(each, now, folder)
    try:
        if chain:
            check_chain(chain, roots, now)
    except SvidError as error:
        raise AuthorityError(
            f"{folder / CHAIN_FILE}: {error}; give every certificate from {CERTIFICATE_FILE} to a root"
        ) from error
    return GivenAuthority(certificate, key, chain, roots)


def _check_authority(certificate: x509.Certificate, folder: Path) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        constraints = usage = False
    if not constraints or not usage:
        raise AuthorityError(
            f"{folder}: {certificate.subject.rfc4514_string()!r} is no authority's certificate; "
            "make it with CA:TRUE and keyCertSign"
        )


def _certificates(folder: Path, name: str) -> tuple[x509.Certificate, ...]:
    try:
        found = read_pem(_read(folder, name)).certificates
    except SvidError as error:
        raise AuthorityError(f"{folder / name}: {error}") from error
    if not found:
        raise AuthorityError(f"{folder / name} holds no certificate")
    return found


def _read(folder: Path, name: str) -> bytes:
    try:
        return read_private(folder / name, owner_only=False)
    except FileNotFoundError as error:
        raise AuthorityError(f"{folder / name} is missing; an authority is given by {_FILES}") from error
    except PrivateFileError as error:
        raise AuthorityError(str(error)) from error
