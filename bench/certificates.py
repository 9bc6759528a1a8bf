"""The certificates of a run, valid for two days: an authority, a server under every name of the bench, a workload of a mesh."""

import datetime as dt
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bench.site import BACKEND_NAME, HOST, HOSTS, MESH_IDENTITY


class Certificates(NamedTuple):
    """PEM files; the names are those of `Site`."""

    authority: Path
    chain: Path
    key: Path
    mesh_chain: Path
    mesh_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Write an authority and P-256 certificates under it.

    The workload's carries its SPIFFE ID and, for proxies that know peers only by the names of hosts, the backend's.
    """
    authority = _Authority()
    dns_names = [x509.DNSName(name) for name in (*HOSTS, BACKEND_NAME)]
    server_names = [*dns_names, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server_use = [ExtendedKeyUsageOID.SERVER_AUTH]
    workload_names = [x509.UniformResourceIdentifier(MESH_IDENTITY), x509.DNSName(BACKEND_NAME)]
    workload_use = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    file = folder / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    server = authority.issue(folder, "server", HOST, server_names, server_use)
    workload = authority.issue(folder, "workload", "", workload_names, workload_use)
    return Certificates(file, *server, *workload)


class _Authority:
    def __init__(self) -> None:
        now = dt.datetime.now(dt.UTC)
        self._begin, self._end = now - dt.timedelta(hours=1), now + dt.timedelta(days=2)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench authority")])
        public, serial = self._key.public_key(), x509.random_serial_number()
        self.certificate = (
            x509.CertificateBuilder(self._name, self._name, public, serial, self._begin, self._end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self, folder: Path, stem: str, subject: str, names: list[x509.GeneralName], use: list[x509.ObjectIdentifier]
    ) -> tuple[Path, Path]:
        """Write a certificate and its key. Args: subject - its common name; empty: none, as X509-SVIDs have."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else [])
        serial = x509.random_serial_number()
        leaf = (
            x509.CertificateBuilder(self._name, name, key.public_key(), serial, self._begin, self._end)
            # RFC 5280 section 4.2.1.6: critical where the subject is empty.
            .add_extension(x509.SubjectAlternativeName(names), critical=not subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(use), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain_file, key_file = folder / f"{stem}.pem", folder / f"{stem}.key"
        chain_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return chain_file, key_file


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
