"""A peer's certificate is held against the names that its cluster expects."""

import ssl

import pytest
import trustme

from hauberk_core.net.named_peer import check_names
from hauberk_core.net.tls_failure import CertificateRefused

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
URI = "spiffe://cluster.local/ns/books/sa/reviews"


def certificate(*names: str) -> bytes:
    leaf = AUTHORITY.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a.test",), ("a.test",)),
        (("a.test",), ("b.test", "A.test")),
        (("*.a.test",), ("x.a.test",)),
        (("*.a.test",), ("*.a.test",)),
        (("b.test", "a.test"), ("a.test",)),
    ],
)
def test_one_name_that_is_expected_is_enough(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    check_names(certificate(*names), expected)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a.test",), ("b.test",)),
        (("a.test",), (URI,)),
        (("*.a.test",), ("a.test",)),
        (("*.a.test",), ("x.y.a.test",)),
        (("x.a.test",), ("*.a.test",)),
    ],
)
def test_without_any_the_peer_is_refused(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    with pytest.raises(CertificateRefused, match=f"not for {expected[0]}".replace("*", r"\*")):
        check_names(certificate(*names), expected)


@pytest.mark.parametrize("octets", [b"", b"nonsense"])
def test_what_is_no_certificate_is_refused(octets: bytes) -> None:
    with pytest.raises(CertificateRefused, match="cannot be read"):
        check_names(octets, ("a.test",))
