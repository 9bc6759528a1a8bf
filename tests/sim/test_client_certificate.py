"""What endpoints are told of clients' certificates."""

import hashlib
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from hauberk_core.net.transport import Stream
from hauberk_core.proxy.client_certificate import element_of
from hauberk_core.sim.simulation import CLIENT_HOST

if TYPE_CHECKING:
    from tests.sim.conftest import Build

WHO = "spiffe://cluster.local/ns/shop/sa/web"
OTHER = "Hash=00;URI=spiffe://cluster.local/ns/a/sa/b"
OWN = f"URI={WHO}"


@pytest.mark.parametrize(
    ("mode", "proved", "expected"),
    [
        ("always_forward_only", False, [OTHER]),
        ("sanitize", False, []),
        ("sanitize", True, []),
        ("forward_only", False, []),
        ("forward_only", True, [OTHER]),
        ("append_forward", False, []),
        ("append_forward", True, [f"{OTHER},{OWN}"]),
        ("sanitize_set", False, []),
        ("sanitize_set", True, [OWN]),
    ],
)
def test_the_modes(build: "Build", mode: str, proved: bool, expected: list[str]) -> None:
    scenario = build(chain={"client_certificate": mode})
    if proved:
        scenario.network.identify(CLIENT_HOST, WHO)
    endpoint = scenario.serve()
    client = scenario.browser()
    spelling = () if mode == "always_forward_only" else ("X_Forwarded_Client_Cert: URI=spiffe://evil",)
    for _ in range(2):
        scenario.get(client, "/", f"X-Forwarded-Client-Cert: {OTHER}", "Connection: x-forwarded-client-cert", *spelling)
        lines = endpoint.connection().received().decode().split("\r\n")
        found = [line.partition(": ")[2] for line in lines if "client" in line.lower().partition(":")[0]]
        assert found == expected
        endpoint.connection().send(scenario.ok)
        assert client.received().endswith(b"ok")


class Proven(Stream):
    """A connection whose peer has proved a certificate."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def peer_certificate(self) -> bytes:
        return self._der


def test_an_element_names_the_certificate() -> None:
    issued = trustme.CA().issue_cert("a.test", "192.0.2.1")
    der = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    assert element_of(Proven(der)) == f"Hash={hashlib.sha256(der).hexdigest()};DNS=a.test"
    assert element_of(Proven(b"nothing")) == f"Hash={hashlib.sha256(b'nothing').hexdigest()}"
    assert element_of(Proven(b"")) == ""
