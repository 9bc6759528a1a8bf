"""Certificates and keys in Secrets."""

import ssl

from hauberk_core.agent.wire import CertificatePem
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.x509 import read_certificate
from hauberk_core.resources import Secret
from hauberk_core.resources.kubernetes.secret import CERTIFICATE_ENTRY, KEY_ENTRY, TLS_TYPE


class WrongSecret(Exception):
    """A Secret that no listener can present; the message says why and shows nothing of it."""


def read_pem(secret: Secret) -> CertificatePem:
    """The certificate chain and key of a Secret, held against each other: a proxy would refuse everything because of a wrong one.

    Raises: WrongSecret.
    """
    if secret.type != TLS_TYPE:
        raise WrongSecret(f"it is of the type {secret.type}, not {TLS_TYPE}")
    chain, key = secret.entry(CERTIFICATE_ENTRY), secret.entry(KEY_ENTRY)
    if not chain or not key:
        raise WrongSecret(f"it needs {CERTIFICATE_ENTRY} and {KEY_ENTRY}")
    try:
        read_certificate(chain)
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), chain, key)
    except ssl.SSLError as error:
        reason = (error.reason or "it is no PEM").replace("_", " ").lower()
        raise WrongSecret(f"OpenSSL does not load it: {reason}") from error
    except ValueError as error:
        raise WrongSecret(str(error)) from error
    return CertificatePem(chain, key)
