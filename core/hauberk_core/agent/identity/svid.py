"""X.509 SVIDs: certificates that carry a SPIFFE ID, read from PEM and checked.

What is checked here is a certificate's form, the same for everybody who holds one (X509-SVID sections 2 to 5), and that a chain
leads to a root. Whether a peer holds the key is TLS's to find out.
"""

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hauberk_core.identity import SpiffeError, parse_uri

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

# Clocks of machines differ; a certificate is back-dated by this much, and one that is to begin this much later is taken.
CLOCK_LEEWAY: Final = dt.timedelta(seconds=60)

_LARGEST_PEM: Final = 1024 * 1024
# Leaf, intermediates, and the roots of two rotations: nobody has more, and each costs a signature to check.
MOST_CERTIFICATES: Final = 32
# What `cryptography` raises for octets that it cannot read; the others are not ValueErrors.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
# No lazy quantifier between unbounded texts: the end line is looked for from where the begin line was found.
_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_KEY_LABELS: Final = {b"PRIVATE KEY", b"EC PRIVATE KEY", b"RSA PRIVATE KEY"}


class SvidError(ValueError):
    """A certificate is no SVID, or a chain leads nowhere; the message says why."""


class PemContents(NamedTuple):
    """What a PEM file holds, in its order."""

    certificates: tuple[x509.Certificate, ...]
    key: PrivateKey | None


def read_pem(data: bytes) -> PemContents:
    """Read certificates and at most one unencrypted private key; text around them is skipped.

    Raises: SvidError if there is neither, or if any of them cannot be read.
    """
    if len(data) > _LARGEST_PEM:
        raise SvidError(f"a PEM of {len(data)} octets; at most {_LARGEST_PEM} are taken")
    certificates: list[x509.Certificate] = []
    keys: list[PrivateKey] = []
    for label, block in _blocks(data):
        if label == b"CERTIFICATE":
            if len(certificates) == MOST_CERTIFICATES:
                raise SvidError(f"more than {MOST_CERTIFICATES} certificates")
            certificates.append(_read_certificate(block, len(certificates) + 1))
        elif label in _KEY_LABELS:
            keys.append(read_key(block))
        else:
            raise SvidError(f"a PEM block {label.decode()!r}, where certificates and an unencrypted private key belong")
    if len(keys) > 1:
        raise SvidError(f"{len(keys)} private keys, where one belongs")
    if not certificates and not keys:
        raise SvidError("neither a certificate nor a key in it; PEM has lines such as -----BEGIN CERTIFICATE-----")
    key = keys[0] if keys else None
    if key is not None and certificates:
        check_key(certificates[0], key)
    return PemContents(tuple(certificates), key)


def read_key(pem: bytes) -> PrivateKey:
    """Read one unencrypted private key. Raises: SvidError if it is none, or neither EC nor RSA."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise SvidError("the private key is encrypted; decrypt it: openssl pkey -in KEY -out NEW_KEY") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SvidError(f"the private key cannot be read: {error}") from error
    if not isinstance(key, PrivateKey):
        raise SvidError("the private key is neither EC nor RSA, which is what TLS peers take")
    return key


def check_key(certificate: x509.Certificate, key: PrivateKey) -> None:
    """Raises: SvidError unless `certificate` was made for `key`."""
    if _public_octets(certificate) != key.public_key().public_bytes(*_PUBLIC_FORM):
        raise SvidError("the key does not belong to the certificate")


def check_svid(certificates: Sequence[x509.Certificate]) -> str:
    """Check the form of a leaf and of the certificates above it.

    Args: certificates - the leaf first, then its issuers, as far as they are at hand.
    Returns: the leaf's SPIFFE ID. Raises: SvidError.
    """
    if not certificates:
        raise SvidError("no certificate")
    leaf, *issuers = certificates
    if _is_authority(leaf):
        raise SvidError("the first certificate is an authority's, where a workload's belongs")
    usage = _key_usage(leaf)
    if usage is None or not usage.digital_signature:
        raise SvidError("the workload's certificate lacks the key usage digitalSignature")
    if usage.key_cert_sign or usage.crl_sign:
        raise SvidError("the workload's certificate may sign certificates or revocation lists")
    for issuer in issuers:
        if not _is_authority(issuer):
            raise SvidError("a certificate above the workload's is not an authority's")
        usage = _key_usage(issuer)
        if usage is None or not usage.key_cert_sign:
            raise SvidError("an authority's certificate lacks the key usage keyCertSign")
    return spiffe_uri(leaf)


def spiffe_uri(leaf: x509.Certificate) -> str:
    """The SPIFFE ID in a workload's certificate, which has exactly one URI (X509-SVID section 2).

    Raises: SvidError.
    """
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    except UNREADABLE as error:
        raise SvidError(f"the certificate's names cannot be read: {error}") from error
    if len(uris) != 1:
        raise SvidError(f"the certificate has {len(uris)} URIs for names, where exactly one SPIFFE ID belongs")
    try:
        uri = parse_uri(uris[0])
    except SpiffeError as error:
        raise SvidError(str(error)) from error
    if not uri.path:
        raise SvidError(f"{uri} names a trust domain, not a workload")
    return str(uri)


def check_chain(certificates: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], now: dt.datetime) -> None:
    """Check that each certificate is valid now and signed by the next, and the last by one of `roots`.

    Raises: SvidError, which names the clock's time where time is the matter.
    """
    for certificate in certificates:
        check_time(certificate, now)
    for certificate, issuer in itertools.pairwise(certificates):
        if not _issued(issuer, certificate):
            raise SvidError(f"the certificate of {_subject(certificate)!r} is not signed by the next one, {_subject(issuer)!r}")
    last = certificates[-1]
    if not any(root == last or _issued(root, last) for root in roots):
        raise SvidError(f"the chain does not end at a trusted root: nobody knows {last.issuer.rfc4514_string()!r}")


def check_time(certificate: x509.Certificate, now: dt.datetime) -> None:
    """Raises: SvidError if `certificate` has ended, or begins later than clocks may differ."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise SvidError(f"the certificate of {_subject(certificate)!r} ended at {stamp(end)}, and this clock says {stamp(now)}")
    if now + CLOCK_LEEWAY < begin:
        raise SvidError(
            f"the certificate of {_subject(certificate)!r} begins at {stamp(begin)}, and this clock says {stamp(now)}"
        )


def is_root(certificate: x509.Certificate) -> bool:
    """Whether this is an authority that stands for itself."""
    return certificate.subject == certificate.issuer and _is_authority(certificate)


def write_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """The certificates as one PEM text."""
    return b"".join([certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates])


def stamp(moment: dt.datetime) -> str:
    """A moment as messages show it."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_PUBLIC_FORM: Final = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _blocks(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    position = 0
    while (begin := _BEGIN.search(data, position)) is not None:
        label = begin[1]
        end_line = b"-----END " + label + b"-----"
        end = data.find(end_line, begin.end())
        if end < 0:
            raise SvidError(f"a PEM block {label.decode()!r} that does not end")
        position = end + len(end_line)
        yield label, data[begin.start() : position] + b"\n"


def _read_certificate(pem: bytes, number: int) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        # What is read lazily is read now, so that nobody meets a fault later.
        _ = certificate.extensions, certificate.subject, certificate.issuer, _public_octets(certificate)
    except UNREADABLE as error:
        raise SvidError(f"certificate {number} cannot be read: {error}") from error
    return certificate


def _public_octets(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(*_PUBLIC_FORM)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _subject(certificate: x509.Certificate) -> str:
    """How messages name a certificate: workloads' subjects are empty."""
    try:
        return spiffe_uri(certificate)
    except SvidError:
        return certificate.subject.rfc4514_string()
