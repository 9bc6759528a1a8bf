"""An authority for tests: certificates of workloads as a mesh has them, and as it should not."""

import datetime as dt
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hauberk_core.agent.wire import CertificatePem

TRUST_DOMAIN: Final = "cluster.local"


def workload(service_account: str, namespace: str = "default", trust_domain: str = TRUST_DOMAIN) -> str:
    """The SPIFFE ID of a service account."""
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """An unencrypted PKCS #8 key."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class MeshAuthority:
    """A root that signs workloads' certificates."""

    def __init__(self) -> None:
        self._key: Final = ec.generate_private_key(ec.SECP256R1())
        self._name: Final = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a mesh for tests")])
        now = dt.datetime.now(dt.UTC)
        root = (
            _builder(self._name, self._name, self._key, now - dt.timedelta(hours=1), now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.trust_pem: Final = root.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, *uris: str, seconds: float = 3600, since: float = 60, is_authority: bool = False, signs: bool = False
    ) -> CertificatePem:
        """A certificate with these URIs.

        Args: seconds - until it ends, negative for one that has ended; since - how long ago it began; is_authority, signs - what
        a workload's must not say: in its basic constraints, in its key usage.
        """
        now = dt.datetime.now(dt.UTC)
        return self._issue(uris, now - dt.timedelta(seconds=since), now + dt.timedelta(seconds=seconds), is_authority, signs)

    def _issue(
        self, uris: tuple[str, ...], begin: dt.datetime, end: dt.datetime, is_authority: bool, signs: bool
    ) -> CertificatePem:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(x509.Name([]), self._name, key, begin, end)
        if uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in uris]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        usage = x509.KeyUsage(True, False, False, False, False, signs, False, False, False)
        certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        return CertificatePem(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def self_signed(uri: str) -> CertificatePem:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    certificate = (
        _builder(name, name, key, now - dt.timedelta(hours=1), now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertificatePem(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
