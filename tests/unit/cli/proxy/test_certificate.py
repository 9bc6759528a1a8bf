"""The certificate that is made on the spot is one that clients accept once they trust it."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from tls_handshake import shake_hands

from hauberk_cli.proxy.certificate import make_self_signed


def handshake(tmp_path: Path, host: str) -> None:
    """The client trusts nothing but the made certificate."""
    made = make_self_signed(["bookshop.test", "", "127.0.0.2"])
    shake_hands(made.chain, made.key, made.chain, host, tmp_path)


@pytest.mark.parametrize("host", ["bookshop.test", "127.0.0.2", "localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_it_connects_under_every_name(tmp_path: Path, host: str) -> None:
    handshake(tmp_path, host)


def test_no_other_name_is_vouched_for(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "other.test")


def test_names_and_fingerprint_are_told_as_the_certificate_has_them() -> None:
    made = make_self_signed(["A.test", "not a name", "a.test"])
    assert made.names[0] == "a.test"
    assert len(set(made.names)) == len(made.names)
    certificate = x509.load_pem_x509_certificate(made.chain)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(str(name.value) for name in names) == made.names
    assert len(made.fingerprint.split(":")) == 32
    assert make_self_signed([]).key != made.key
