"""TLS contexts: which certificate a client is shown, and who is let in."""

import socket
import ssl
import threading
import weakref

import pytest
import trustme

from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.tls_context import (
    CertificateAndKey,
    SecureChain,
    choose_certificate,
    client_context,
    listener_context,
)

AUTHORITY = trustme.CA()
TRUST = AUTHORITY.cert_pem.bytes()
TLS = TransportConfig(security="tls")


def _issue(*names: str, authority: trustme.CA = AUTHORITY) -> CertificateAndKey:
    leaf = authority.issue_cert(*names)
    return b"".join(part.bytes() for part in leaf.cert_chain_pems), leaf.private_key_pem.bytes()


A = _issue("a.example.test")
WILD = _issue("*.example.test", "example.test")
OTHER = _issue("other.test", "*.deep.other.test")


def _chain(
    *certificates: CertificateAndKey, names: tuple[str, ...] = (), transport: TransportConfig = TLS, trust: bytes = b""
) -> SecureChain:
    return SecureChain(names, transport, certificates, trust)


class Outcome:
    """What a handshake showed both ends."""

    def __init__(self, names: list[str], alpn: str | None, version: str | None, asked: str | None) -> None:
        self.names = names
        self.alpn = alpn
        self.version = version
        self.asked = asked


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> Outcome:
    """Shake hands over a real socket pair and exchange an octet, so that a refusal after TLS 1.3's handshake shows too."""
    near, far = socket.socketpair()
    asked: list[str | None] = []

    def serve() -> None:
        try:
            with server.wrap_socket(far, server_side=True) as connection:
                asked.append(connection.server_hostname)
                connection.sendall(b"!")
                connection.recv(1)
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        near.settimeout(60)
        with client.wrap_socket(near, server_hostname=name) as connection:
            assert connection.recv(1) == b"!"
            certificate = connection.getpeercert() or {}
            names = [str(entry[1]) for entry in certificate.get("subjectAltName", ())]
            return Outcome(names, connection.selected_alpn_protocol(), connection.version(), asked[0])
    finally:
        near.close()
        thread.join()


def _client(
    transport: TransportConfig = TLS, certificate: CertificateAndKey | None = None, trust: bytes = TRUST
) -> ssl.SSLContext:
    return client_context(transport, certificate, trust)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("a.example.test", ["a.example.test"]),
        ("A.Example.Test", ["a.example.test"]),
        ("b.example.test", ["*.example.test", "example.test"]),
        ("example.test", ["*.example.test", "example.test"]),
        ("x.deep.other.test", ["other.test", "*.deep.other.test"]),
    ],
)
def test_the_certificate_follows_the_name_asked_for(asked: str, shown: list[str]) -> None:
    outcome = _handshake(listener_context([_chain(A, WILD, OTHER)]), _client(), asked)
    assert outcome.names == shown
    assert outcome.asked is not None
    assert outcome.asked.lower() == asked.lower()


def test_unknown_names_and_none_get_the_first_certificate() -> None:
    unchecked = TransportConfig(security="tls", verify=False)
    server = listener_context([_chain(A, OTHER)])
    for name in ("unknown.invalid", None):
        near = client_context(unchecked, None, b"")
        near.check_hostname = False
        near.load_verify_locations(cadata=TRUST.decode())
        near.verify_mode = ssl.CERT_REQUIRED
        assert _handshake(server, near, name).names == ["a.example.test"]


def test_chains_of_one_listener_show_their_own_certificates_and_protocols() -> None:
    plain = TransportConfig(security="tls", alpn=("http/1.1",))
    other = TransportConfig(security="tls", alpn=("special",))
    server = listener_context([_chain(OTHER, names=("other.test",), transport=other), _chain(A, transport=plain)])
    client = _client(TransportConfig(security="tls", alpn=("http/1.1", "special")))
    first, second = _handshake(server, client, "other.test"), _handshake(server, client, "a.example.test")
    assert (first.names[0], first.alpn) == ("other.test", "special")
    assert (second.names[0], second.alpn) == ("a.example.test", "http/1.1")


def test_chains_that_differ_in_what_openssl_cannot_switch_are_refused() -> None:
    strict = TransportConfig(security="tls", min_version="1.3")
    with pytest.raises(ValueError, match="a listener each"):
        listener_context([_chain(A), _chain(OTHER, names=("other.test",), transport=strict)])
    with pytest.raises(ValueError, match="a listener each"):
        listener_context([_chain(A), _chain(OTHER, names=("other.test",), trust=TRUST)])


@pytest.mark.parametrize("name", ["a.example.test", "other.test"])
def test_clients_need_a_certificate_where_there_is_trust(name: str) -> None:
    server = listener_context([_chain(A, OTHER, trust=TRUST)])
    assert _handshake(server, _client(certificate=_issue("client.test")), name).names == [
        name,
        *(["*.deep.other.test"] * (name == "other.test")),
    ]
    with pytest.raises(OSError, match=r"."):
        _handshake(server, _client(), name)
    stranger = _issue("client.test", authority=trustme.CA())
    with pytest.raises(OSError, match=r"."):
        _handshake(server, _client(certificate=stranger), name)


def test_clients_refuse_other_names_and_other_authorities() -> None:
    server = listener_context([_chain(A)])
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, _client(), "b.example.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, _client(trust=trustme.CA().cert_pem.bytes()), "a.example.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, _client(trust=b""), "a.example.test")


def test_verification_can_be_switched_off() -> None:
    server = listener_context([_chain(A)])
    unchecked = client_context(TransportConfig(security="tls", verify=False), None, b"")
    assert _handshake(server, unchecked, "nothing.like.it").version == "TLSv1.3"


def test_the_oldest_version_is_held() -> None:
    server = listener_context([_chain(A, transport=TransportConfig(security="tls", min_version="1.3"))])
    old = _client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError, match=r"."):
        _handshake(server, old, "a.example.test")
    assert _handshake(listener_context([_chain(A)]), old, "a.example.test").version == "TLSv1.2"


def test_an_old_context_goes_when_nobody_uses_it() -> None:
    context = listener_context([_chain(A, WILD), _chain(OTHER, names=("other.test",))])
    gone = weakref.ref(context)
    del context
    assert gone() is None


def test_a_bundle_may_carry_comments() -> None:
    _client(trust=b"# Autorit\xe9 de test\n" + TRUST + b"\n# end\n")
    with pytest.raises((ssl.SSLError, ValueError)):
        _client(trust=b"# nothing else")


def test_a_certificates_wildcard_covers_one_label() -> None:
    names = {"*.example.test": 1, "example.test": 2}
    assert choose_certificate(names, "a.example.test") == 1
    assert choose_certificate(names, "example.test") == 2
    assert choose_certificate(names, "a.b.example.test") == 0
    assert choose_certificate(names, ".example.test") == 0
