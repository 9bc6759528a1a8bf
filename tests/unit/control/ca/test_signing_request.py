import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from live_authority import KEY, plain_request, request_for

from hauberk_control.ca.signing_request import LARGEST_REQUEST, RequestRefused, read_request
from hauberk_core.agent.identity.key import make_request

# Signatures differ from time to time.
REQUEST = plain_request()


def pem(request: x509.CertificateSigningRequest) -> str:
    return request.public_bytes(serialization.Encoding.PEM).decode()


def signed_by(key: object) -> str:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return pem(request_for([]).sign(key, algorithm))  # type: ignore[arg-type]  # any kind of key


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
)
def test_keys_that_are_taken(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    assert read_request(make_request(key)).public_key == key.public_key()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
        rsa.generate_private_key(3, 2048),
        dsa.generate_private_key(1024),
    ],
    ids=["P-521", "secp256k1", "Ed25519", "RSA 1024", "exponent 3", "DSA"],
)
def test_keys_that_are_refused(key: object) -> None:
    with pytest.raises(RequestRefused, match="use"):
        read_request(signed_by(key))


def test_names_are_told_for_the_log() -> None:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier("spiffe://a/b"), x509.DNSName("c")]

    assert read_request(pem(request_for(names).sign(KEY, hashes.SHA256()))).asked_names == ("spiffe://a/b",)
    assert read_request(plain_request()).asked_names == ()


def test_a_wrong_signature_is_refused() -> None:
    lines = plain_request().splitlines()
    octets = bytearray(x509.load_pem_x509_csr(plain_request().encode()).public_bytes(serialization.Encoding.DER))
    refused = 0
    for position in range(len(octets) - 40, len(octets)):
        changed = bytearray(octets)
        changed[position] ^= 1
        text = "\n".join([lines[0], base64.b64encode(changed).decode(), lines[-1]])
        with pytest.raises(RequestRefused):
            read_request(text)
        refused += 1
    assert refused == 40


def test_a_request_that_is_too_long_is_not_read() -> None:
    with pytest.raises(RequestRefused, match="at most"):
        read_request(plain_request() + " " * LARGEST_REQUEST)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda octets: octets.decode("latin-1")))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(RequestRefused):
        read_request(text)


@given(st.data())
def test_a_request_changed_anywhere_is_refused_or_has_the_same_key(data: st.DataObject) -> None:
    text = REQUEST
    position = data.draw(st.integers(0, len(text) - 1))
    changed = text[:position] + data.draw(st.characters(max_codepoint=300)) + text[position + 1 :]
    try:
        read = read_request(changed)
    except RequestRefused:
        return
    assert read.public_key == KEY.public_key()
