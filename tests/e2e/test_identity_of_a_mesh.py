"""Certificates of a mesh over time: roots rotate under load, and what ended while control was away is renewed by itself."""

import base64
import json
import signal
from collections.abc import Iterator
from typing import Final

import pytest
from bookshop_mesh import bookshop
from cryptography import x509
from laptop_mesh import Mesh, Proxy, running_mesh, send, wait_until
from load_client import Load

pytestmark = pytest.mark.e2e

PATH: Final = "/ratings/0"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("identity") / "mesh"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(bookshop("ratings"))
    with running_mesh(folder, "--validity", "8s", "--clock-leeway", "2s") as running, running.workload("ratings"):
        wait_until(lambda: running.get(PATH).status == 200, "an answer through the mesh")
        yield running


def proxies(mesh: Mesh) -> list[Proxy]:
    return [mesh.proxy("gateway", "bookshop"), mesh.proxy("sidecar", "ratings")]


def identity(proxy: Proxy) -> dict[str, str]:
    kept: dict[str, str] = json.loads((proxy.folder / "identity.json").read_text())
    return kept


def trusted(proxy: Proxy) -> set[int]:
    """Serial numbers of the roots that a proxy knows its peers by."""
    roots = x509.load_pem_x509_certificates(base64.b64decode(identity(proxy)["trust_pem"]))
    return {root.serial_number for root in roots}


def test_a_root_is_replaced_under_load_without_a_failed_request(mesh: Mesh) -> None:
    [before] = set.union(*[trusted(proxy) for proxy in proxies(mesh)])
    with Load(mesh.gateway_port, PATH, clients=1, fresh=1) as load:
        told = mesh.hauberk("rotate-root")
        assert told.returncode == 0, told.stderr
        assert "in 10s it begins to sign" in told.stdout
        wait_until(lambda: all(len(trusted(proxy)) == 2 for proxy in proxies(mesh)), "trust in both roots")
        wait_until(lambda: all(before not in trusted(proxy) for proxy in proxies(mesh)), "the end of the old root")
    assert load.failed() == []
    assert load.total() > 20
    assert len({frozenset(trusted(proxy)) for proxy in proxies(mesh)}) == 1


def test_certificates_that_ended_while_control_was_away_are_renewed_by_themselves(mesh: Mesh) -> None:
    control = mesh.control()
    send(control, signal.SIGSTOP)
    try:
        wait_until(lambda: all((proxy.folder / "token-wanted").exists() for proxy in proxies(mesh)), "wishes for tokens")
        # Those that ended: nobody was there to renew them.
        serials = [identity(proxy)["certificate_pem"] for proxy in proxies(mesh)]
    finally:
        send(control, signal.SIGCONT)
    for proxy, before in zip(proxies(mesh), serials, strict=True):
        wait_until(lambda proxy=proxy, before=before: identity(proxy)["certificate_pem"] != before, "another certificate")  # type: ignore[misc]
    wait_until(lambda: mesh.get(PATH).status == 200, "an answer through the mesh again")
    wait_until(lambda: "its certificate had ended; it joins again" in mesh.log.read_text(), "a word of it")
