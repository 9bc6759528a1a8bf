"""The workload's private key, made here, and the request to certify it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hauberk_core.agent.identity.svid import PrivateKey


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256: the cheapest to use that every TLS peer takes."""
    return ec.generate_private_key(ec.SECP256R1())


def write_key(key: PrivateKey) -> bytes:
    """The key as unencrypted PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_request(key: PrivateKey) -> str:
    """A certificate signing request, PEM. It names nobody: the authority takes names from whoever calls it."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")
