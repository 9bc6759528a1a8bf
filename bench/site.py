"""What every contestant is given: the routes, the certificates, the backend's addresses, and ports to listen on."""

import dataclasses
import datetime as dt
import ipaddress
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS: Final = ("shop.bench.test", "api.bench.test", "admin.bench.test")
PREFIXES: Final = ("/reviews", "/details", "/ratings", "/")
"""Each host sends each of these to the backend; a proxy has to look both up."""
HOST: Final = HOSTS[0]
SMALL_PATH: Final = "/reviews/7?full=true"
LARGE_PATH: Final = "/reviews/large"
ECHO_PATH: Final = "/reviews/echo"
"""Answered with the headers that the backend saw: `x-request-id|x-forwarded-for|host`."""
SMALL_BODY: Final = b'{"review":"' + b"h" * 1011 + b'"}'
LARGE_BODY_SIZE: Final = 1 << 20
BACKEND_NAME: Final = "backend.bench.test"
REQUEST_HEADERS: Final = {
    "Host": HOST,
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) bench",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.8",
}
"""What a small browser request carries; `Accept-Encoding` asks nobody here to compress, since none is configured to."""

Listener = Literal["http", "tls", "originate"]
"""Plain both ways; TLS from the client; TLS to the backend."""


@dataclasses.dataclass(frozen=True)
class Site:
    """The surroundings shared by all contestants of a run."""

    folder: Path
    backend_port: int
    backend_tls_port: int
    collector_port: int
    """Where spans go; whatever comes is accepted and forgotten."""
    authority: Path
    chain: Path
    key: Path


@dataclasses.dataclass(frozen=True)
class Place:
    """One contestant's share: a folder of its own and the ports it must listen on."""

    site: Site
    folder: Path
    ports: dict[Listener, int]
    spare_port: int
    """For an admin or metrics address."""

    @property
    def access_log(self) -> Path:
        """The regular file for one line a request."""
        return self.folder / "access.log"


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write an authority and a P-256 certificate under it for every name of the bench; valid for two days.

    Returns: the authority's certificate, the chain and its key, as PEM files.
    """
    now = dt.datetime.now(dt.UTC)
    begin, end = now - dt.timedelta(hours=1), now + dt.timedelta(days=2)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench authority")])
    authority_public, serial = authority_key.public_key(), x509.random_serial_number()
    authority = (
        x509.CertificateBuilder(authority_name, authority_name, authority_public, serial, begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in (*HOSTS, BACKEND_NAME)]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    leaf = (
        x509.CertificateBuilder(authority_name, leaf_name, key.public_key(), x509.random_serial_number(), begin, end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authority_file, chain_file, key_file = folder / "authority.pem", folder / "chain.pem", folder / "key.pem"
    authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return authority_file, chain_file, key_file


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
