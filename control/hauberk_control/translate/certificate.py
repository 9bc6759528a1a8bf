"""Certificates and keys in Secrets."""

import ssl
from collections.abc import Callable
from typing import NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.reference import Grants
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.errors import quote
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.x509 import read_certificate
from hauberk_core.resources import Resource, Secret
from hauberk_core.resources.gateway_api.references import SecretObjectReference
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


class Held(NamedTuple):
    """What a Secret gives."""

    uid: str
    """The Secret's: another one of the same name begins anew."""
    pem: CertificatePem | None
    """Where its present content is no use, what it held before; None: it never held anything of use."""
    fault: str
    """Why its present content is no use; empty: it is."""


def hold(secret: Secret, before: Held | None) -> Held:
    """Read a Secret. Half of a renewal, or a mistake in one, takes nothing from who is served with what was there before."""
    uid = secret.metadata.uid
    try:
        return Held(uid, read_pem(secret), "")
    except WrongSecret as error:
        return Held(uid, before.pem if before is not None and before.uid == uid else None, str(error))


class Found(NamedTuple):
    """A certificate that a reference leads to."""

    name: str
    """What the snapshot calls it."""
    pem: CertificatePem
    trouble: "Unfound | None" = None
    """Why it is what the Secret held before, if it is."""


class Unfound(NamedTuple):
    """A reference that leads to no certificate."""

    permitted: bool
    """False: a ReferenceGrant is missing."""
    message: str
    hint: str


def find_certificate(
    owner: Resource, reference: SecretObjectReference, store: Store, grants: Grants, read: Callable[[Secret], Held]
) -> Found | Unfound:
    """Look up the certificate that an object refers to.

    Args: read - reads a Secret as `hold` does, with what it gave before.
    """
    own = owner.metadata.namespace
    namespace = reference.namespace or own
    name = f"{namespace}/{reference.name}"
    if (reference.group, reference.kind) != (Secret.GROUP, Secret.KIND):
        return Unfound(True, f"{reference.kind} {name} is no Secret", "refer to a Secret of the type kubernetes.io/tls")
    if not grants.allow((owner.GROUP, owner.KIND, own), (Secret.GROUP, Secret.KIND, namespace), reference.name):
        message = (
            f"the namespace {quote(namespace)} does not let {owner.KIND}s of {quote(own)} refer to its Secret {reference.name}"
        )
        return Unfound(False, message, f"add a ReferenceGrant in {namespace}")
    secret = store.get(Secret, namespace, reference.name)
    if secret is None:
        return Unfound(True, f"there is no Secret {name}", "correct the name, or add the Secret")
    held = read(secret)
    if not held.fault and held.pem is not None:
        return Found(name, held.pem)
    serving = "" if held.pem is None else "; what it held before is used as long as control runs"
    trouble = Unfound(
        True, f"the Secret {name} is no use: {held.fault}{serving}", "put a PEM certificate and its PEM key into it"
    )
    return trouble if held.pem is None else Found(name, held.pem, trouble)
