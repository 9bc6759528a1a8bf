"""Secrets whose content comes to be of no use: what they held before serves on."""

from collections.abc import Callable

import pytest
import trustme
from resource_scenarios import gateway_node, secret, store_of

from hauberk_control.status.statuses import view_statuses
from hauberk_control.translate.translate import Translator

OWN = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  tls: {backend: {clientCertificateRef: {name: shop}}}
  listeners:
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}}
"""
AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)


def _issue() -> tuple[bytes, bytes]:
    leaf = AUTHORITY.issue_cert("shop.test", key_type=trustme.KeyType.ECDSA)
    return b"".join(part.bytes() for part in leaf.cert_chain_pems), leaf.private_key_pem.bytes()


OLD, NEW = _issue(), _issue()


def _shop(chain: bytes, key: bytes, uid: str = "first", type_: str = "kubernetes.io/tls") -> str:
    return secret("shop", chain, key, type_=type_).replace("metadata: {", f"metadata: {{uid: {uid}, ")


class Control:
    """Translates one store after the other."""

    def __init__(self) -> None:
        self._translator = Translator()

    def serves(self, *texts: str) -> bytes | None:
        """The chain that the listener shows then; None: it does not serve."""
        translation = self._translator.translate(store_of(OWN, *texts), gateway_node(ports={}))
        certificates = translation.certificates
        return certificates["default/shop"].chain if "port-443" in translation.snapshot.listeners else None

    def references(self, *texts: str) -> str:
        """What is said of the Gateway's references, and of the listener's."""
        view = self._translator.view(store_of(OWN, *texts))
        [status] = [one for key, one in view_statuses(view).items() if key.kind == "Gateway"]
        conditions = [*status.conditions, *status.listeners[0].conditions]
        return " ".join(f"{one.reason}: {one.message}" for one in conditions if one.type == "ResolvedRefs")


BROKEN: dict[str, Callable[[], str]] = {
    "half of a renewal": lambda: _shop(NEW[0], OLD[1]),
    "no certificate": lambda: _shop(b"nothing", OLD[1]),
    "emptied": lambda: _shop(b"", b""),
    "another type": lambda: _shop(*NEW, type_="Opaque"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_a_secret_held_before_serves_until_it_is_mended(how: str) -> None:
    control = Control()
    assert control.serves(_shop(*OLD)) == OLD[0]
    for _ in range(20):  # longer than anything else is remembered
        assert control.serves(BROKEN[how]()) == OLD[0]
    told = control.references(BROKEN[how]())
    assert "InvalidClientCertificateRef: the Secret default/shop is no use" in told
    assert "InvalidCertificateRef: the Secret default/shop is no use" in told
    assert "what it held before is used" in told
    assert control.serves(_shop(*NEW)) == NEW[0]
    assert "no use" not in control.references(_shop(*NEW))


def test_a_secret_that_was_deleted_is_forgotten() -> None:
    control = Control()
    assert control.serves(_shop(*OLD)) == OLD[0]
    assert control.serves() is None
    assert control.serves(_shop(b"nothing", OLD[1], uid="second")) is None


def test_a_secret_that_never_was_of_use_serves_nobody() -> None:
    control = Control()
    assert control.serves(_shop(b"nothing", OLD[1])) is None
    told = control.references(_shop(b"nothing", OLD[1]))
    assert "no use" in told
    assert "held before" not in told
