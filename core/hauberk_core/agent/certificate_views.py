"""What the admin server shows of certificates: whole chains and whom they are believed by, and no key."""

import msgspec

from hauberk_core.agent.secrets import Secrets
from hauberk_core.agent.wire import CERTIFICATE, TRUST, CertificatePem
from hauberk_core.net.x509 import read_facts, read_peer, split_certificates


def view_certificates(secrets: Secrets) -> dict[str, object]:
    """Every certificate that the proxy presents, with its chain, and every bundle of authorities that it believes.

    Reads them anew, which takes milliseconds: call it in a thread. Returns: plain values for JSON.
    """
    certificates: list[dict[str, object]] = []
    trust: list[dict[str, object]] = []
    for resource, data in sorted(secrets.resources.items()):
        kind, _, name = resource.partition("/")
        if kind == CERTIFICATE:
            chain = _view_pem(msgspec.msgpack.decode(data, type=CertificatePem).chain)
            certificates.append({"name": name, **chain[0], "chain": chain})
        elif kind == TRUST:
            trust.append({"name": name, "authorities": _view_pem(data)})
    return {"certificates": certificates, "trust": trust}


def _view_pem(pem: bytes) -> list[dict[str, object]]:
    return [_view(der) for der in split_certificates(pem)]


def _view(der: bytes) -> dict[str, object]:
    try:
        facts, peer = read_facts(der), read_peer(der)
    except ValueError as error:  # an issuer that only its clients have to understand
        return {"problem": str(error)}
    return {
        "names": [*facts.names, *peer.uris],
        "serial": f"{facts.serial:x}",
        "authority": peer.is_authority,
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
    }
