"""Facts of certificates, held against the library `cryptography`."""

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.x509 import PeerFacts, first_certificate, read_certificate, read_facts, read_peer, split_certificates

KEY = ec.generate_private_key(ec.SECP256R1())
MOMENTS = st.integers(min_value=-315_619_200, max_value=10_413_792_000).map(  # 1960 to 2300
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)


def _certificate(
    names: list[str], addresses: list[str], begin: dt.datetime, end: dt.datetime, serial: int, critical: bool
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "common name")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    alternatives.append(x509.UniformResourceIdentifier("spiffe://example.test/ns/a/sa/b"))
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=critical)
    return builder.sign(KEY, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@given(
    names=st.lists(st.from_regex(r"(\*\.)?[a-zA-Z]{1,60}(\.[a-z]{1,60}){0,3}", fullmatch=True), max_size=4),
    addresses=st.lists(st.ip_addresses().map(str), max_size=3),
    moments=st.tuples(MOMENTS, MOMENTS).map(sorted),
    serial=st.integers(min_value=1, max_value=2**159 - 1),
    critical=st.booleans(),
)
def test_facts_agree_with_the_library(
    names: list[str], addresses: list[str], moments: list[dt.datetime], serial: int, critical: bool
) -> None:
    certificate = _certificate(names, addresses, moments[0], moments[1], serial, critical)
    facts = read_certificate(b"a comment in Latin-1: \xe9\n" + _pem(certificate))
    assert facts.names == (*[name.lower() for name in names], *addresses)
    assert facts.serial == certificate.serial_number
    assert facts.not_before == certificate.not_valid_before_utc
    assert facts.not_after == certificate.not_valid_after_utc


def test_a_certificate_without_alternative_names_has_none() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old.example.test")])
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
    bare = builder.serial_number(5).not_valid_before(now).not_valid_after(now).sign(KEY, hashes.SHA256())
    # RFC 9525 section 6.4.4: the common name counts for nothing.
    assert read_certificate(_pem(bare)).names == ()


@given(
    uris=st.lists(st.from_regex(r"[a-z]{1,8}://[!-~]{1,60}", fullmatch=True), max_size=3),
    is_authority=st.booleans(),
    usage=st.none() | st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_peers_facts_agree_with_the_library(uris: list[str], is_authority: bool, usage: tuple[bool, bool, bool] | None) -> None:
    name = x509.Name([])
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(5)
    builder = builder.not_valid_before(now).not_valid_after(now)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if uris:
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test"), *names]), critical=False)
    signs = False
    if usage is not None:
        signature, key_cert_sign, crl_sign = usage
        signs = key_cert_sign or crl_sign
        flags = x509.KeyUsage(signature, False, False, False, False, key_cert_sign, crl_sign, False, False)
        if any(usage):
            builder = builder.add_extension(flags, critical=True)
    certificate = builder.sign(KEY, hashes.SHA256())
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert read_peer(der) == PeerFacts(tuple(uris), is_authority or signs)
    assert first_certificate(_pem(certificate)) == der


@pytest.mark.parametrize(
    "text", [b"", b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        read_certificate(text)


@given(place=st.integers(min_value=0, max_value=10_000), octet=st.integers(min_value=0, max_value=255), cut=st.booleans())
def test_damaged_certificates_are_read_or_refused(place: int, octet: int, cut: bool) -> None:
    import ssl

    der = bytearray(CERTIFICATE_DER)
    place %= len(der)
    der[place] = octet
    damaged = bytes(der[:place] if cut else der)
    for read in (lambda: read_certificate(ssl.DER_cert_to_PEM_cert(damaged).encode()), lambda: read_peer(damaged)):
        try:
            read()
        except ValueError:
            continue
        assert not cut


CERTIFICATE_DER = _certificate(
    ["a.example.test"], ["127.0.0.1"], dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2034, 1, 1, tzinfo=dt.UTC), 7, False
).public_bytes(serialization.Encoding.DER)


def test_a_file_of_several_certificates_is_split_in_order() -> None:
    moment = dt.datetime(2030, 1, 2, tzinfo=dt.UTC)
    made = [_certificate(["a.test"], [], moment, moment, serial, False) for serial in (1, 2, 3)]
    pem = b"a remark\n" + b"\n".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in made)
    assert [read_facts(der).serial for der in split_certificates(pem)] == [1, 2, 3]
    assert split_certificates(b"-----BEGIN CERTIFICATE-----\nhalf") == []
    assert split_certificates(b"") == []
