import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.ca.authority import Authority
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.svid import (
    MOST_CERTIFICATES,
    SvidError,
    check_chain,
    check_key,
    check_svid,
    is_root,
    read_key,
    read_pem,
    spiffe_uri,
    write_pem,
)
from hauberk_core.identity import SpiffeId

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")
KEY = make_key()
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "cluster.local", now=lambda: NOW)


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> x509.Certificate:
    issued = authority.sign_workload(KEY.public_key(), REVIEWS, dt.timedelta(hours=1))
    return read_pem(issued.chain[0].encode()).certificates[0]


def self_made(*names: x509.GeneralName) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(hours=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256())


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("reviews")],
        [x509.UniformResourceIdentifier("spiffe://a/b"), x509.UniformResourceIdentifier("spiffe://a/c")],
        [x509.UniformResourceIdentifier("spiffe://a/b"), x509.UniformResourceIdentifier("https://a/c")],
        [x509.UniformResourceIdentifier("https://a/b")],
        [x509.UniformResourceIdentifier("spiffe://a")],
        [x509.UniformResourceIdentifier("spiffe://A/b")],
    ],
)
def test_exactly_one_name_and_a_workloads(names: list[x509.GeneralName]) -> None:
    with pytest.raises(SvidError):
        spiffe_uri(self_made(*names))


def test_a_name_beside_dns_names(leaf: x509.Certificate) -> None:
    assert spiffe_uri(self_made(x509.DNSName("a"), x509.UniformResourceIdentifier("spiffe://a/b"))) == "spiffe://a/b"
    assert check_svid([leaf]) == str(REVIEWS)


def test_order_does_not_matter_and_text_around_is_skipped(leaf: x509.Certificate) -> None:
    pem, key = write_pem([leaf]), write_key(KEY)
    for data in (pem + key, key + pem, b"subject=/CN=x\n" + pem + b"\nnote\n" + key + b"\n"):
        contents = read_pem(data)
        assert contents.certificates == (leaf,)
        assert contents.key is not None
        assert contents.key.public_key() == KEY.public_key()


@pytest.mark.parametrize("data", [b"", b"text", b"-----BEGIN CERTIFICATE-----", b"-----BEGIN -----\n-----END -----"])
def test_what_holds_nothing(data: bytes) -> None:
    with pytest.raises(SvidError):
        read_pem(data)


def test_a_key_that_is_not_the_certificates(leaf: x509.Certificate) -> None:
    with pytest.raises(SvidError, match="does not belong"):
        read_pem(write_pem([leaf]) + write_key(make_key()))
    with pytest.raises(SvidError, match="does not belong"):
        check_key(leaf, make_key())


def test_more_than_belongs_there(leaf: x509.Certificate) -> None:
    with pytest.raises(SvidError, match="2 private keys"):
        read_pem(write_key(KEY) * 2)
    with pytest.raises(SvidError, match="more than"):
        read_pem(write_pem([leaf]) * (MOST_CERTIFICATES + 1))
    with pytest.raises(SvidError, match="where certificates"):
        read_pem(write_pem([leaf]).replace(b"CERTIFICATE", b"X509 CRL"))
    with pytest.raises(SvidError, match="octets"):
        read_pem(b" " * (2 << 20))


def test_keys_that_are_not_taken() -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    encrypted = KEY.private_bytes(*form, serialization.BestAvailableEncryption(b"word"))
    with pytest.raises(SvidError):
        read_pem(encrypted)
    with pytest.raises(SvidError, match="openssl pkey"):
        read_key(encrypted)
    with pytest.raises(SvidError, match="neither EC nor RSA"):
        read_key(ed25519.Ed25519PrivateKey.generate().private_bytes(*form, serialization.NoEncryption()))


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda octets: b"-----BEGIN CERTIFICATE-----\n" + octets))
def test_any_octets_are_refused(data: bytes) -> None:
    with pytest.raises(SvidError):
        read_pem(data)


def check_everything(pem: bytes, authority: Authority) -> None:
    chain = read_pem(pem).certificates
    check_svid(chain)
    check_chain(chain, read_pem(authority.trust_pem()).certificates, NOW)


# The library tells what RFC 5280 forbids and it still reads.
@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")
@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_certificate_changed_anywhere_is_refused_or_still_no_proof(
    authority: Authority, leaf: x509.Certificate, position: int, octet: int
) -> None:
    octets = bytearray(leaf.public_bytes(serialization.Encoding.DER))
    position %= len(octets)
    if octets[position] == octet:
        return
    octets[position] = octet
    pem = ssl.DER_cert_to_PEM_cert(bytes(octets)).encode()
    with pytest.raises(SvidError):
        check_everything(pem, authority)


def test_times_are_told_with_the_clocks(authority: Authority, leaf: x509.Certificate) -> None:
    roots = read_pem(authority.trust_pem()).certificates
    check_chain([leaf], roots, NOW)
    check_chain([leaf], roots, leaf.not_valid_before_utc - dt.timedelta(seconds=59))
    with pytest.raises(SvidError, match=r"begins at .* this clock says"):
        check_chain([leaf], roots, leaf.not_valid_before_utc - dt.timedelta(seconds=61))
    with pytest.raises(SvidError, match=r"ended at .* this clock says"):
        check_chain([leaf], roots, NOW + dt.timedelta(hours=2))


def test_a_chain_to_nobody(tmp_path: Path, leaf: x509.Certificate) -> None:
    stranger = Authority(tmp_path, "cluster.local", now=lambda: NOW)
    roots = read_pem(stranger.trust_pem()).certificates

    assert is_root(roots[0])
    assert not is_root(leaf)
    with pytest.raises(SvidError, match="does not end at a trusted root"):
        check_chain([leaf], roots, NOW)
    with pytest.raises(SvidError, match="not signed by the next"):
        check_chain([leaf, *roots], roots, NOW)
    with pytest.raises(SvidError, match="does not end"):
        check_chain([leaf], [], NOW)


def test_no_certificate_is_no_svid() -> None:
    with pytest.raises(SvidError):
        check_svid([])
