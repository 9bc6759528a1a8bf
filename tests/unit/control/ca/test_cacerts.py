import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.cacerts import has_cacerts, load_cacerts
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import authority_usage
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.svid import PrivateKey, check_chain, read_pem, write_pem
from hauberk_core.identity import SpiffeId

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
REVIEWS = SpiffeId("cluster.local", "shop", "reviews")


def certify(
    name: str, key: PrivateKey, issuer: str, issuer_key: PrivateKey, *, authority: bool = True, end: dt.datetime = NOW + DAY
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if authority:
        builder = builder.add_extension(authority_usage(), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


class Given:
    """A root, an intermediate under it, and another under that, which signs."""

    def __init__(self, folder: Path, signing_key: PrivateKey | None = None) -> None:
        self.folder = folder
        root_key, middle_key, self.key = make_key(), make_key(), signing_key or make_key()
        self.root = certify("root", root_key, "root", root_key)
        self.middle = certify("middle", middle_key, "root", root_key)
        self.signing = certify("signing", self.key, "middle", middle_key)
        self.middle_key = middle_key
        self.write()

    def write(self) -> None:
        self.put("ca-cert.pem", write_pem([self.signing]))
        self.put("ca-key.pem", write_key(self.key))
        self.put("cert-chain.pem", write_pem([self.signing, self.middle]))
        self.put("root-cert.pem", write_pem([self.root]))

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(tmp_path)


@pytest.mark.parametrize("key", [None, ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_certificates_come_with_the_way_to_the_root(tmp_path: Path, key: PrivateKey | None) -> None:
    given = Given(tmp_path, key)
    issued = Authority(tmp_path, "cluster.local", now=lambda: NOW).sign_workload(
        make_key().public_key(), REVIEWS, dt.timedelta(hours=1)
    )

    chain = read_pem("".join(issued.chain).encode()).certificates
    assert chain[1:] == (given.signing, given.middle)
    assert issued.roots == (write_pem([given.root]).decode(),)
    check_chain(chain, [given.root], NOW)


def test_a_root_that_signs_itself(tmp_path: Path) -> None:
    key = make_key()
    root = write_pem([certify("root", key, "root", key)])
    for name in ("ca-cert.pem", "cert-chain.pem", "root-cert.pem"):
        (tmp_path / name).write_bytes(root)
    (tmp_path / "ca-key.pem").write_bytes(write_key(key))

    issued = Authority(tmp_path, "cluster.local", now=lambda: NOW).sign_workload(
        make_key().public_key(), REVIEWS, dt.timedelta(hours=1)
    )

    assert len(issued.chain) == 1
    assert issued.roots == (root.decode(),)


def test_a_bundle_of_roots_is_handed_on(given: Given) -> None:
    key = make_key()
    given.put("root-cert.pem", write_pem([certify("new", key, "new", key), given.root]))

    assert len(read_pem(Authority(given.folder, "cluster.local", now=lambda: NOW).trust_pem()).certificates) == 2


def test_replaced_files_are_used_after_a_reload_and_wrong_ones_never(given: Given) -> None:
    authority = Authority(given.folder, "cluster.local", now=lambda: NOW)
    before = authority.trust_pem()

    given.put("ca-key.pem", write_key(make_key()))
    with pytest.raises(AuthorityError):
        authority.reload()
    assert authority.trust_pem() == before

    after = Given(given.folder)
    authority.reload()
    assert authority.trust_pem() == write_pem([after.root])


def test_it_is_rotated_by_its_owner(given: Given) -> None:
    with pytest.raises(AuthorityError, match="replace its files"):
        Authority(given.folder, "cluster.local", now=lambda: NOW).rotate()


@pytest.mark.parametrize("name", ["ca-key.pem", "cert-chain.pem", "root-cert.pem"])
def test_a_missing_file_is_named(given: Given, name: str) -> None:
    (given.folder / name).unlink()

    with pytest.raises(AuthorityError, match=f"{name} is missing"):
        load_cacerts(given.folder, NOW)


@pytest.mark.parametrize("name", ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"])
def test_a_damaged_file_is_named(given: Given, name: str) -> None:
    given.put(name, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    with pytest.raises(AuthorityError, match=name):
        load_cacerts(given.folder, NOW)


def test_the_key_must_be_the_certificates(given: Given) -> None:
    given.put("ca-key.pem", write_key(make_key()))

    with pytest.raises(AuthorityError, match="does not belong"):
        load_cacerts(given.folder, NOW)


def test_the_chain_must_lead_to_a_root(given: Given) -> None:
    given.put("cert-chain.pem", write_pem([given.signing]))

    with pytest.raises(AuthorityError, match="every certificate from"):
        load_cacerts(given.folder, NOW)


def test_a_workloads_certificate_does_not_sign(given: Given) -> None:
    given.signing = certify("signing", given.key, "middle", given.middle_key, authority=False)
    given.write()

    with pytest.raises(AuthorityError, match="no authority's certificate"):
        load_cacerts(given.folder, NOW)


def test_an_authority_that_has_ended_is_refused(given: Given) -> None:
    given.signing = certify("signing", given.key, "middle", given.middle_key, end=NOW - DAY / 2)
    given.write()

    with pytest.raises(AuthorityError, match="this machine's clock says"):
        load_cacerts(given.folder, NOW)


def test_whether_there_is_one(given: Given, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert has_cacerts(given.folder)
    assert not has_cacerts(tmp_path_factory.mktemp("empty"))
