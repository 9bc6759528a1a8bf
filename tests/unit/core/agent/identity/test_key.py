from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from hauberk_core.agent.identity.key import make_key, make_request, write_key
from hauberk_core.agent.identity.svid import read_key


def test_keys_are_on_p256_and_differ() -> None:
    assert isinstance(make_key().curve, ec.SECP256R1)
    assert write_key(make_key()) != write_key(make_key())


def test_a_key_is_read_again() -> None:
    key = make_key()

    assert read_key(write_key(key)).public_key() == key.public_key()


def test_a_request_is_signed_by_the_key_and_names_nobody() -> None:
    key = make_key()
    request = x509.load_pem_x509_csr(make_request(key).encode())

    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    assert request.subject == x509.Name([])
    assert len(request.extensions) == 0
    assert write_key(key).decode().splitlines()[1] not in make_request(key)
