"""The workload's private key, made here, and the request to certify it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hauberk_core.agent.identity.svid import PrivateKey
from hauberk_core.identity import SpiffeId


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256: the cheapest to use that every TLS peer takes."""
    return ec.generate_private_key(ec.SECP256R1())


def write_key(key: PrivateKey) -> bytes:
    """The key as unencrypted PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_request(key: PrivateKey, identity: SpiffeId | None = None) -> str:
    """A certificate signing request, PEM.

    Args: identity - the only name in it; None: it names nobody. Control takes names from whoever calls it; other authorities
    sign what they are asked for, if the caller may have it.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if identity is not None:
        name = x509.UniformResourceIdentifier(str(identity))
        builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=True)
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")
