"""Proxies of a mesh are replaced and their agents killed under load; every hop is mutual TLS, and no request is lost."""

import os
import signal
from collections.abc import Iterator
from typing import Final

import pytest
from bookshop_mesh import bookshop_mesh, write_bookshop
from endurance import lasting
from laptop_mesh import Mesh, Proxy, is_running, parent, wait_until
from load_client import Load

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

ROUNDS: Final = int(lasting(30, 1))
# Of requests that pass every hop.
MEANWHILE: Final = 50


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("handover") / "mesh"
    write_bookshop(folder)
    with bookshop_mesh(folder) as running:
        yield running


@pytest.fixture
def proxies(mesh: Mesh) -> list[Proxy]:
    """The gateway, and the sidecars that are behind it in turn."""
    return [mesh.proxy("gateway", "bookshop"), mesh.proxy("sidecar", "reviews-v2"), mesh.proxy("sidecar", "ratings")]


def _has_another_agent(proxy: Proxy, before: int) -> bool:
    # The old one drains first, so that for a moment there are two.
    return not is_running(before) and proxy.agent() not in {0, before} and proxy.is_ready()


def _wait_for_more(load: Load, requests: int) -> None:
    wanted = load.total() + requests
    wait_until(lambda: load.total() >= wanted, "more answers")


def test_replaced_proxies_lose_no_request(mesh: Mesh, proxies: list[Proxy]) -> None:
    with Load(mesh.gateway_port, "/reviews/0", clients=3, fresh=3) as load:
        for _ in range(ROUNDS):
            for proxy in proxies:
                before = proxy.agent()
                address = proxy.bootstrap()["admin"]
                # `hauberk up` or `hauberk run`.
                os.kill(parent(before), signal.SIGHUP)
                wait_until(lambda: _has_another_agent(proxy, before), "another agent")  # noqa: B023 - called at once
                assert proxy.bootstrap()["admin"] == address
                _wait_for_more(load, MEANWHILE)
    assert load.failed() == []


def test_killed_agents_lose_no_request_and_leave_nobody_behind(mesh: Mesh, proxies: list[Proxy]) -> None:
    with Load(mesh.gateway_port, "/reviews/0", clients=3, fresh=3) as load:
        for _ in range(ROUNDS):
            for proxy in proxies:
                before, workers = proxy.agent(), proxy.workers()
                assert workers
                os.kill(before, signal.SIGKILL)
                wait_until(lambda: _has_another_agent(proxy, before), "another agent")  # noqa: B023 - called at once
                wait_until(lambda: not any(is_running(worker) for worker in workers), "the end of its workers")  # noqa: B023
                _wait_for_more(load, MEANWHILE)
    assert load.failed() == []


def test_both_roles_show_what_they_serve_with(mesh: Mesh, proxies: list[Proxy]) -> None:
    for proxy in proxies:
        # One that has just been replaced serves before control answers it.
        wait_until(lambda: "[+] control: connected for" in proxy.admin("/readyz?verbose"), "control at every proxy")  # noqa: B023
        certificates = proxy.admin("/certs")
        assert "spiffe://cluster.local/ns/default/sa/" in certificates
        assert "PRIVATE KEY" not in certificates + proxy.admin("/config_dump")
    assert "outbound|9080||reviews.default.svc.cluster.local" in proxies[0].admin("/clusters")
    assert '"idle"' in proxies[1].admin("/clusters")
