"""Reading certificates, keys and trust bundles, and refusing wrong ones with their place."""

import os
from pathlib import Path

import msgspec
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from hauberk_core.agent.secrets import LARGEST_PEM, Secrets, read_secrets, secret_files, without_unbelievable
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model import Certificate, Cluster, FilterChain, Listener, Snapshot, TransportConfig
from hauberk_core.model.errors import ConfigErrors

AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("a.example.test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "certs").mkdir()
    LEAF.private_key_pem.write_to_path(str(tmp_path / "certs" / "key.pem"))
    (tmp_path / "certs" / "chain.pem").write_bytes(b"".join(part.bytes() for part in LEAF.cert_chain_pems))
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path


def _snapshot(chain: str = "certs/chain.pem", key: str = "certs/key.pem", trust: str = "ca.pem") -> Snapshot:
    return Snapshot(
        certificates={"web": Certificate(chain_file=chain, key_file=key)},
        listeners={
            "web": Listener(
                address="127.0.0.1:0",
                filter_chains=(
                    FilterChain(
                        route_table="all", transport=TransportConfig(security="tls", certificates=("web",), trust_file=trust)
                    ),
                ),
            )
        },
        clusters={"up": Cluster(transport=TransportConfig(security="tls", trust_file=trust))},
    )


def _refusal(snapshot: Snapshot, folder: Path) -> str:
    with pytest.raises(ConfigErrors) as caught:
        read_secrets(snapshot, folder, {})
    return str(caught.value)


def test_files_are_read_relative_to_the_folder(folder: Path) -> None:
    secrets = read_secrets(_snapshot(), folder, {})
    assert secrets.facts["web"].names == ("a.example.test",)
    pem = msgspec.msgpack.decode(secrets.resources["certificate/web"], type=CertificatePem)
    assert pem.key == LEAF.private_key_pem.bytes()
    assert secrets.resources["trust/ca.pem"] == AUTHORITY.cert_pem.bytes()
    assert set(secret_files(_snapshot(), folder, {})) == {
        folder / "certs/chain.pem",
        folder / "certs/key.pem",
        folder / "ca.pem",
    }


def test_certificates_in_memory_need_no_files(tmp_path: Path) -> None:
    pem = CertificatePem(b"".join(part.bytes() for part in LEAF.cert_chain_pems), LEAF.private_key_pem.bytes())
    snapshot = _snapshot(chain="in memory", key="in memory", trust="")
    assert read_secrets(snapshot, tmp_path, {"web": pem}).facts["web"].names == ("a.example.test",)
    assert secret_files(snapshot, tmp_path, {"web": pem}) == []


def test_every_mistake_is_reported_at_once(folder: Path) -> None:
    (folder / "certs" / "key.pem").unlink()
    (folder / "ca.pem").write_text("nothing")
    message = _refusal(_snapshot(), folder)
    assert "certificates.web: " in message
    assert "key.pem cannot be read: No such file or directory" in message
    assert "trust_file ca.pem: " in message


def test_a_key_that_does_not_fit_is_named(folder: Path) -> None:
    AUTHORITY.issue_cert("b.example.test").private_key_pem.write_to_path(str(folder / "certs" / "key.pem"))
    assert "the key does not belong to the certificate" in _refusal(_snapshot(), folder)


def test_an_encrypted_key_says_how_to_decrypt_it(folder: Path) -> None:
    key = serialization.load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (folder / "certs" / "key.pem").write_bytes(encrypted)
    assert "openssl pkey" in _refusal(_snapshot(), folder)


def test_swapped_files_are_told(folder: Path) -> None:
    assert "no certificate in it" in _refusal(_snapshot(chain="certs/key.pem", key="certs/chain.pem"), folder)


def test_a_key_that_is_none_is_told(folder: Path) -> None:
    (folder / "certs" / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "OpenSSL does not load it" in _refusal(_snapshot(), folder)


def test_files_have_a_bound(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(bytes(LARGEST_PEM + 1))
    assert f"more than {LARGEST_PEM} octets" in _refusal(_snapshot(), folder)


def test_refusals_never_show_a_key(folder: Path) -> None:
    body = LEAF.private_key_pem.bytes().splitlines()[1].decode()
    (folder / "certs" / "chain.pem").write_bytes(LEAF.private_key_pem.bytes())
    assert body not in _refusal(_snapshot(), folder)


def _mesh_snapshot() -> Snapshot:
    transport = TransportConfig(security="mesh", certificates=("workload",), trust_file="workload")
    chain = FilterChain(route_table="all", transport=transport)
    return Snapshot(
        listeners={"web": Listener(address="127.0.0.1:0", filter_chains=(chain,))},
        clusters={"up": Cluster(transport=transport)},
    )


def test_what_the_mesh_gave_is_in_memory_and_in_no_file(tmp_path: Path) -> None:
    chain = b"".join(part.bytes() for part in LEAF.cert_chain_pems)
    identity = {"workload": CertificatePem(chain, LEAF.private_key_pem.bytes())}
    trust = {"workload": AUTHORITY.cert_pem.bytes()}
    secrets = read_secrets(_mesh_snapshot(), tmp_path, identity, trust)
    assert msgspec.msgpack.decode(secrets.resources["certificate/workload"], type=CertificatePem) == identity["workload"]
    assert secrets.resources["trust/workload"] == trust["workload"]
    assert set(secrets.facts) == {"workload"}
    assert secret_files(_mesh_snapshot(), tmp_path, identity, trust) == []


def test_a_proxy_outside_the_mesh_cannot_serve_its_transport(tmp_path: Path) -> None:
    refusal = _refusal(_mesh_snapshot(), tmp_path)
    assert "identity workload: the mesh's transport presents 'workload', and this proxy has no such identity" in refusal
    assert "trust_file workload" in refusal


def test_an_identity_whose_key_is_anothers_is_refused(tmp_path: Path) -> None:
    chain = b"".join(part.bytes() for part in LEAF.cert_chain_pems)
    other = AUTHORITY.issue_cert("other.test").private_key_pem.bytes()
    with pytest.raises(ConfigErrors, match="the key does not belong to the certificate"):
        read_secrets(_mesh_snapshot(), tmp_path, {"workload": CertificatePem(chain, other)}, {"workload": chain})


def test_what_was_read_before_is_not_checked_again(folder: Path) -> None:
    first = read_secrets(_snapshot(), folder, {})
    # What cannot come of the file itself shows that it was not looked into.
    marked = Secrets(first.resources, {"web": first.facts["web"]._replace(serial=7)})
    again = read_secrets(_snapshot(), folder, {}, before=marked)
    assert again.resources == first.resources
    assert again.facts["web"].serial == 7
    other = AUTHORITY.issue_cert("b.example.test")
    other.private_key_pem.write_to_path(str(folder / "certs" / "key.pem"))
    (folder / "certs" / "chain.pem").write_bytes(other.cert_chain_pems[0].bytes())
    assert read_secrets(_snapshot(), folder, {}, before=marked).facts["web"].names == ("b.example.test",)
    (folder / "ca.pem").write_text("no bundle any more")
    with pytest.raises(ConfigErrors, match="holds no certificate"):
        read_secrets(_snapshot(), folder, {}, before=marked)


def test_clusters_whose_authorities_cannot_be_read_are_cut_off_and_nothing_else(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "other.pem").write_text("nothing")
    told = {
        name: Cluster(labels={"a": name}, transport=TransportConfig(security="tls", trust_file=file))
        for name, file in {"right": "ca.pem", "gone": "gone.pem", "wrong": "other.pem", "pipe": "pipe", "held": "mesh"}.items()
    }
    snapshot = Snapshot(clusters={"plain": Cluster(), **told})
    kept, reasons = without_unbelievable(snapshot, folder, {"mesh": b""})
    assert {name for name, cluster in kept.clusters.items() if cluster == snapshot.clusters[name]} == {"plain", "right", "held"}
    assert [kept.clusters[name] for name in ("gone", "wrong", "pipe")] == [
        Cluster(reach="nothing", labels={"a": name}) for name in ("gone", "wrong", "pipe")
    ]
    assert [reason.split()[0] for reason in reasons] == ["gone", "wrong", "pipe"]
    right = msgspec.structs.replace(snapshot, clusters={"right": snapshot.clusters["right"]})
    assert without_unbelievable(right, folder, {}) == (right, ())
