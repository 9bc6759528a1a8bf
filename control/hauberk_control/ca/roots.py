"""Roots of our own: made, kept on disk, and staged when one follows another.

Everybody must trust a new root before anybody presents a certificate signed by it, and the old one until the last certificate
signed by it has ended. So each root goes through stages that follow from when it was announced and from how long certificates
live at most, the *overlap*:

    announced                      trusted by whoever renews from now on; the old root still signs
    one overlap later              everybody has renewed once: it signs
    two overlaps later             what the old root signed has ended: the old one is dropped

A root is a file with its certificate and key; when it was announced is when its certificate begins, so that nothing else has
to be remembered and a control that starts again goes on where it was.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hauberk_control.ca.errors import AuthorityError
from hauberk_core.agent.identity.private_file import PrivateFileError, read_private, write_private
from hauberk_core.agent.identity.svid import (
    CLOCK_LEEWAY,
    PrivateKey,
    SvidError,
    is_root,
    read_pem,
    stamp,
    write_pem,
)
from hauberk_core.identity import SCHEME

ROOT_LIFETIME: Final = dt.timedelta(days=3650)
# A successor is announced that long before a root ends, more than any overlap.
RENEW_BEFORE: Final = dt.timedelta(days=365)
# More would mean that somebody rotates faster than certificates end; every handshake carries the cost of each.
MOST_ROOTS: Final = 8
ROOTS: Final = "root-*.pem"


class Root(NamedTuple):
    """An authority that stands for itself."""

    certificate: x509.Certificate
    key: PrivateKey
    path: Path

    @property
    def announced(self) -> dt.datetime:
        """Since when it is handed out as trusted."""
        return self.certificate.not_valid_before_utc + CLOCK_LEEWAY


class Stage(NamedTuple):
    """Who does what at a moment."""

    signing: Root
    trusted: tuple[Root, ...]
    """The signing one last."""
    retired: tuple[Root, ...]


def stage_of(roots: Sequence[Root], now: dt.datetime, overlap: dt.timedelta) -> Stage:
    """Who signs and who is trusted. Args: roots - in the order of their announcement, at least one."""
    signing = 0
    dropped = 0
    for number, root in enumerate(roots):
        if root.announced + overlap <= now:
            signing = number
        # Its predecessor signed nothing since then.
        if root.announced + 2 * overlap <= now:
            dropped = number
    trusted = [root for root in roots[dropped:] if root is not roots[signing]]
    return Stage(roots[signing], (*trusted, roots[signing]), tuple(roots[:dropped]))


def make_root(folder: Path, trust_domain: str, now: dt.datetime) -> Root:
    """Make a root and write it into `folder`. Blocks. Raises: AuthorityError if it cannot be written."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "hauberk"),
            # RFC 5280 appendix A: a common name has at most 64 characters.
            x509.NameAttribute(NameOID.COMMON_NAME, f"root of {trust_domain}"[:64]),
            # Two roots must not have one name: OpenSSL looks an issuer up by it.
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"[:16]),
        ]
    )
    public_key = key.public_key()
    begin = now - CLOCK_LEEWAY
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + ROOT_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(authority_usage(), critical=True)
        # X509-SVID section 3.2: an authority's own name is its trust domain.
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(SCHEME + trust_domain)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"root-{certificate.fingerprint(hashes.SHA256()).hex()[:16]}.pem"
    try:
        write_private(path, write_pem([certificate]) + secret)
    except PrivateFileError as error:
        raise AuthorityError(f"the new root cannot be kept: {error}") from error
    return Root(certificate, key, path)


def load_roots(folder: Path) -> tuple[Root, ...]:
    """The roots in `folder`, in the order of their announcement; none if there are none yet. Blocks.

    Raises: AuthorityError if any of them cannot be used: going on without it could break the trust of half a mesh.
    """
    roots = sorted([_load(path) for path in folder.glob(ROOTS)], key=lambda root: (root.announced, root.path.name))
    if len(roots) > MOST_ROOTS:
        raise AuthorityError(f"{folder} holds {len(roots)} roots; at most {MOST_ROOTS} are used: remove the oldest")
    return tuple(roots)


def forget_root(root: Root) -> None:
    """Remove a retired root with its key. Blocks."""
    root.path.unlink(missing_ok=True)


def authority_usage() -> x509.KeyUsage:
    """What an authority's key may do (RFC 5280 section 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def check_begun(certificate: x509.Certificate, now: dt.datetime, place: Path) -> None:
    """Raises: AuthorityError if an authority's certificate is not valid at this machine's time."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now <= end:
        raise AuthorityError(
            f"the authority in {place} is valid from {stamp(begin)} to {stamp(end)}, and this machine's clock says {stamp(now)}; "
            "set the clock, or put a valid one there"
        )


def _load(path: Path) -> Root:
    try:
        contents = read_pem(read_private(path))
    except (SvidError, PrivateFileError, FileNotFoundError) as error:
        raise AuthorityError(f"the root {path} cannot be used: {error}; restore it from a copy, or remove it") from error
    if len(contents.certificates) != 1 or contents.key is None or not is_root(contents.certificates[0]):
        raise AuthorityError(f"{path} does not hold one root with its key; restore it from a copy, or remove it")
    return Root(contents.certificates[0], contents.key, path)
