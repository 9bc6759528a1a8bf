"""A self-signed certificate, made on the spot for `--from https://...` without `--cert`."""

import datetime as dt
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hauberk_core.model.address import is_host_name, is_ip_address

# It lives as long as one process is tried out; clients that pin it should not do so for long.
_LIFETIME: Final = dt.timedelta(days=30)
# Clients whose clocks are a little behind.
_LEEWAY: Final = dt.timedelta(minutes=5)
# RFC 5280 appendix A: a common name has at most 64 characters.
_LONGEST_COMMON_NAME: Final = 64


class SelfSigned(NamedTuple):
    """A certificate and its key, as PEM, in memory only."""

    chain: bytes
    key: bytes
    names: tuple[str, ...]
    """What it is valid for."""
    fingerprint: str
    """SHA-256 of the certificate, as browsers show it."""


def make_self_signed(hosts: Iterable[str]) -> SelfSigned:
    """Make a certificate for `hosts`, this machine's name and the loopback addresses."""
    wanted = [*hosts, "localhost", socket.gethostname(), "127.0.0.1", "::1"]
    names = tuple(dict.fromkeys([name.lower() for name in wanted if is_host_name(name) or is_ip_address(name)]))
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_LONGEST_COMMON_NAME])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return SelfSigned(
        chain=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        names=names,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def _general_name(name: str) -> x509.GeneralName:
    if is_ip_address(name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)
