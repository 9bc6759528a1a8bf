"""Certificate signing requests: a key is taken from them, and nothing else."""

from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hauberk_core.agent.identity.svid import UNREADABLE, PublicKey

# One with an RSA key of 4096 bits takes 1.7 KiB; names that are ignored may take the rest.
LARGEST_REQUEST: Final = 16 * 1024
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS: Final = range(2048, 4097)
# Checking a signature costs with the exponent's size; everybody uses this one.
_RSA_EXPONENT: Final = 65537


class RequestRefused(Exception):
    """A signing request is refused; the message says why and what to send instead."""


class SigningRequest(NamedTuple):
    """What is left of a request."""

    public_key: PublicKey
    asked_names: tuple[str, ...]
    """SPIFFE and other URIs that it asked for, for the log: they have no effect."""


def read_request(pem: str) -> SigningRequest:
    """Check a request: its size, its signature, the kind and strength of its key.

    Raises: RequestRefused. Source: RFC 2986.
    """
    if len(pem) > LARGEST_REQUEST:
        raise RequestRefused(f"the request has {len(pem)} characters; at most {LARGEST_REQUEST} are taken: leave its names out")
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii"))
        # The key first: a huge one would make its signature costly to check.
        key = _check_key(request.public_key())
        signed = request.is_signature_valid
    except UNREADABLE as error:
        raise RequestRefused(f"it is no certificate signing request in PEM: {error}") from error
    if not signed:
        raise RequestRefused("its signature is wrong: sign it with the key that it is for")
    return SigningRequest(key, _asked_names(request))


def _check_key(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, _CURVES):
            return key
        raise RequestRefused(f"a key on the curve {key.curve.name}; use P-256 or P-384")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS or key.public_numbers().e != _RSA_EXPONENT:
            raise RequestRefused(
                f"an RSA key of {key.key_size} bits with the exponent {key.public_numbers().e}; "
                f"use 2048 to 4096 bits and {_RSA_EXPONENT}"
            )
        return key
    raise RequestRefused("a key that TLS peers do not take; use EC P-256")


def _asked_names(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
