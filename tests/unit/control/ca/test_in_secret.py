"""The authority's Secret: made once whoever comes at the same time, followed, and never lost."""

import base64
import datetime as dt
from functools import partial
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from eventually import eventually
from kube_api import Asked, KubeApi, Reply

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.cacerts import CERTIFICATE_FILE, CHAIN_FILE, KEY_FILE, ROOT_FILE
from hauberk_control.ca.in_secret import AuthoritySecret
from hauberk_control.ca.roots import MOST_ROOTS, ROOTS, authority_usage, make_root
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.follow import Collection, Follower
from hauberk_core.agent.identity.key import make_key
from hauberk_core.agent.identity.svid import check_chain, read_key, read_pem, write_pem
from hauberk_core.identity import SpiffeId

PATH = "/api/v1/namespaces/hauberk-system/secrets/hauberk-ca"
REVIEWS = SpiffeId("cluster.local", "shop", "reviews")


def replica(api: KubeApi, folder: Path) -> AuthoritySecret:
    folder.mkdir(exist_ok=True)
    return AuthoritySecret(api.client(), "hauberk-system", "cluster.local", folder)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def stored(api: KubeApi) -> dict[str, bytes]:
    return {name: base64.b64decode(text) for name, text in api.objects[PATH]["data"].items()}


async def test_the_first_replica_makes_it_and_the_next_takes_it(tmp_path: Path) -> None:
    api = KubeApi()
    async with api.serving():
        await trio.to_thread.run_sync(replica(api, tmp_path / "a").open)
        await trio.to_thread.run_sync(replica(api, tmp_path / "b").open)

    assert files(tmp_path / "a") == files(tmp_path / "b") == stored(api)
    assert len(stored(api)) == 2
    first = Authority(tmp_path / "a", "cluster.local")
    assert first.trust_pem() == Authority(tmp_path / "b", "cluster.local").trust_pem()


async def test_replicas_that_come_at_the_same_moment_agree(tmp_path: Path) -> None:
    api = KubeApi()
    asked = 0

    def script(request: Asked) -> Reply | None:
        nonlocal asked
        asked += (request.method, request.path) == ("GET", PATH)
        # However slowly they are served: each looks before anybody has made it.
        return Reply(404, b"{}") if (request.method, request.path) == ("GET", PATH) and asked <= 6 else None

    api.script = script
    async with api.serving(), trio.open_nursery() as nursery:
        for name in "abcdef":
            nursery.start_soon(trio.to_thread.run_sync, replica(api, tmp_path / name).open)

    assert all(files(tmp_path / name) == stored(api) for name in "abcdef")
    assert len([one for one in api.asked if one.method == "POST"]) > 1


def given_authority(folder: Path) -> tuple[bytes, bytes]:
    """Certificate and key, PEM."""
    folder.mkdir()
    root = make_root(folder, "cluster.local", dt.datetime.now(dt.UTC))
    pem = write_pem([root.certificate])
    return pem, root.path.read_bytes().removeprefix(pem)


async def opened_with(api: KubeApi, folder: Path, given: dict[str, bytes]) -> Authority:
    data = {name: base64.b64encode(entry).decode() for name, entry in given.items()}
    api.put("v1", "secrets", "cacerts", "hauberk-system", data=data)
    async with api.serving():
        await trio.to_thread.run_sync(replica(api, folder).open)
    # Only what plugins need is kept of our own.
    assert list(stored(api)) == ["plugins.secret"]
    return Authority(folder, "cluster.local")


async def test_cacerts_in_istios_form_signs_instead(tmp_path: Path) -> None:
    pem, key = given_authority(tmp_path / "given")
    given = {CERTIFICATE_FILE: pem, KEY_FILE: key, CHAIN_FILE: pem, ROOT_FILE: pem, "README": b"not ours"}

    authority = await opened_with(KubeApi(), tmp_path / "a", given)

    assert authority.trust_pem() == pem
    assert authority.sign_workload(make_key().public_key(), REVIEWS, dt.timedelta(hours=1)).roots == (pem.decode(),)


async def test_cacerts_in_cert_managers_form_does_too(tmp_path: Path) -> None:
    root_pem, root_key = given_authority(tmp_path / "given")
    root, signer = read_pem(root_pem).certificates[0], read_key(root_key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = dt.datetime.now(dt.UTC)
    between = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "istio-ca")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(authority_usage(), critical=True)
        .sign(signer, hashes.SHA256())
    )
    # cert-manager writes RSA keys in the form of PKCS #1.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key_pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    given = {"tls.crt": write_pem([between]), "tls.key": key_pem, "ca.crt": root_pem}

    authority = await opened_with(KubeApi(), tmp_path / "a", given)

    assert authority.trust_pem() == root_pem
    chain = authority.sign_workload(make_key().public_key(), REVIEWS, dt.timedelta(hours=1)).chain
    check_chain(read_pem("".join(chain).encode()).certificates, [root], now)


async def test_changes_are_taken_over_and_a_deleted_secret_is_written_again(tmp_path: Path) -> None:
    api = KubeApi()
    async with api.serving(), trio.open_nursery() as nursery:
        secret = replica(api, tmp_path / "a")
        await trio.to_thread.run_sync(secret.open)
        authority = Authority(tmp_path / "a", "cluster.local")
        nursery.start_soon(Follower(api.client(), Collection(secret.secrets), secret, lambda: 0.0).run)
        nursery.start_soon(secret.follow, authority)
        await api.wait_watching(1)
        (tmp_path / "new").mkdir()
        root = make_root(tmp_path / "new", "cluster.local", dt.datetime.now(dt.UTC))
        entries = {**api.objects[PATH]["data"], root.path.name: base64.b64encode(root.path.read_bytes()).decode()}
        api.put("v1", "secrets", "hauberk-ca", "hauberk-system", data=entries)
        await eventually(lambda: authority.trust_pem().count(b"BEGIN CERTIFICATE") == 2)
        trusted = authority.trust_pem()
        before = stored(api)
        api.remove("v1", "secrets", "hauberk-ca", "hauberk-system")
        await eventually(lambda: PATH in api.objects)
        assert stored(api) == before
        assert authority.trust_pem() == trusted
        nursery.cancel_scope.cancel()


async def test_cacerts_that_are_replaced_are_taken_up_and_wrong_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def give(api: KubeApi, pem: bytes, key: bytes, roots: bytes) -> None:
        given = {CERTIFICATE_FILE: pem, KEY_FILE: key, CHAIN_FILE: pem, ROOT_FILE: roots}
        data = {name: base64.b64encode(entry).decode() for name, entry in given.items()}
        api.put("v1", "secrets", "cacerts", "hauberk-system", data=data)

    api = KubeApi()
    old, new = given_authority(tmp_path / "old"), given_authority(tmp_path / "new")
    give(api, *old, old[0])
    async with api.serving(), trio.open_nursery() as nursery:
        authorities: list[Authority] = []
        for name in "ab":
            secret = replica(api, tmp_path / name)
            await trio.to_thread.run_sync(secret.open)
            authorities.append(Authority(tmp_path / name, "cluster.local"))
            nursery.start_soon(Follower(api.client(), Collection(secret.secrets), secret, lambda: 0.0).run)
            nursery.start_soon(secret.follow, authorities[-1])
        await api.wait_watching(2)

        def signer(authority: Authority) -> str:
            """The root above what is signed now."""
            return authority.sign_workload(make_key().public_key(), REVIEWS, dt.timedelta(hours=1)).roots[-1]

        # As its owner rotates it: both are trusted first, then the new one signs, then it is alone.
        give(api, *old, old[0] + new[0])
        await eventually(lambda: all(each.trust_pem().count(b"BEGIN") == 2 for each in authorities))
        give(api, *new, old[0] + new[0])
        await eventually(lambda: all(signer(each) == new[0].decode() for each in authorities))
        assert all(old[0] in each.trust_pem() for each in authorities)
        give(api, *new, new[0])
        await eventually(lambda: all(each.trust_pem() == new[0] for each in authorities))
        # A key of another certificate changes nothing.
        give(api, new[0], old[1], new[0])
        await eventually(lambda: caplog.text.count("stays in use") >= 2)
        assert all(signer(each) == new[0].decode() for each in authorities)
        nursery.cancel_scope.cancel()


async def test_a_root_that_is_announced_here_is_added(tmp_path: Path) -> None:
    api = KubeApi()
    async with api.serving():
        secret = replica(api, tmp_path / "a")
        await trio.to_thread.run_sync(secret.open)
        root = Authority(tmp_path / "a", "cluster.local").rotate()
        await trio.to_thread.run_sync(secret.push)
        other = replica(api, tmp_path / "b")
        await trio.to_thread.run_sync(other.open)

    assert root.path.name in stored(api)
    assert files(tmp_path / "a") == files(tmp_path / "b")


async def test_a_broken_secret_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = KubeApi()
    async with api.serving(), trio.open_nursery() as nursery:
        secret = replica(api, tmp_path / "a")
        await trio.to_thread.run_sync(secret.open)
        authority = Authority(tmp_path / "a", "cluster.local")
        trusted = authority.trust_pem()
        nursery.start_soon(Follower(api.client(), Collection(secret.secrets), secret, lambda: 0.0).run)
        nursery.start_soon(secret.follow, authority)
        await api.wait_watching(1)
        broken = dict.fromkeys(api.objects[PATH]["data"], "bm8gcm9vdA==")
        api.put("v1", "secrets", "hauberk-ca", "hauberk-system", data=broken)
        await eventually(lambda: "stays in use" in caplog.text)
        assert authority.trust_pem() == trusted
        nursery.cancel_scope.cancel()


async def test_an_announced_root_is_in_the_secret_at_once_and_with_every_replica(tmp_path: Path) -> None:
    api = KubeApi()
    async with api.serving():
        first, second = replica(api, tmp_path / "a"), replica(api, tmp_path / "b")
        await trio.to_thread.run_sync(first.open)
        authority = Authority(tmp_path / "a", "cluster.local")
        root = await trio.to_thread.run_sync(first.announce, authority)
        assert stored(api)[root.path.name] == root.path.read_bytes()
        await trio.to_thread.run_sync(second.open)

    # Both roots are of the same second, and so without an order.
    trusted, elsewhere = (
        read_pem(one.trust_pem()).certificates for one in (authority, Authority(tmp_path / "b", "cluster.local"))
    )
    assert set(elsewhere) == set(trusted)
    assert len(trusted) == 2


async def test_a_root_that_cannot_be_stored_is_not_announced(tmp_path: Path) -> None:
    api = KubeApi()
    async with api.serving():
        kept = replica(api, tmp_path / "a")
        await trio.to_thread.run_sync(kept.open)
    authority = Authority(tmp_path / "a", "cluster.local")
    before = files(tmp_path / "a"), authority.trust_pem()
    with pytest.raises(ApiError):
        await trio.to_thread.run_sync(kept.announce, authority)
    assert (files(tmp_path / "a"), authority.trust_pem()) == before


async def test_roots_that_nobody_needs_any_more_leave_the_secret(tmp_path: Path) -> None:
    api = KubeApi()
    now = dt.datetime.now(dt.UTC)
    async with api.serving():
        kept = replica(api, tmp_path / "a")
        await trio.to_thread.run_sync(kept.open)
        for months in range(MOST_ROOTS + 2):
            then = now + months * dt.timedelta(days=30)
            authority = Authority(
                tmp_path / "a", "cluster.local", now=partial(dt.datetime.fromtimestamp, then.timestamp(), dt.UTC)
            )
            await trio.to_thread.run_sync(kept.announce, authority)
        # The one that signs, and the one that was just announced.
        assert len([name for name in stored(api) if Path(name).match(ROOTS)]) == 2
        await trio.to_thread.run_sync(replica(api, tmp_path / "b").open)
    assert files(tmp_path / "a") == files(tmp_path / "b") == stored(api)
