"""Agents are replaced and killed under load, over HTTP/1.1, TLS, HTTP/2 and WebSockets; clients notice nothing.

Endpoints speak HTTP/1.1, or HTTP/2.
"""

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from endurance import lasting
from http2_server import http2_server
from http_clients import Clients
from kept_proxy import KeptProxy, admin_page, admin_port, kept_proxy
from laptop_mesh import children, is_running
from lasting_backend import LastingBackend, lasting_backend
from lasting_load import LastingLoad
from live_proxy import JsonObject, forward_to, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

REPLACEMENTS: Final = int(lasting(100, 6))
KILLS: Final = int(lasting(30, 3))


@pytest.fixture
def backend() -> Iterator[LastingBackend]:
    with lasting_backend() as books:
        yield books


@pytest.fixture
def http2_port() -> Iterator[int]:
    with http2_server() as server:
        yield server.port


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def snapshot(backend: LastingBackend, http2_port: int, authority: trustme.CA, tmp_path: Path) -> JsonObject:
    """A listener for HTTP and one for HTTPS; `/http2` leads to an endpoint of HTTP/2."""
    certificate = authority.issue_cert("localhost")
    (tmp_path / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    made = forward_to(backend.port)
    made["certificates"] = {"web": {"chain_file": str(tmp_path / "chain.pem"), "key_file": str(tmp_path / "key.pem")}}
    chain = {"route_table": "all", "transport": {"security": "tls", "certificates": ["web"]}}
    made["listeners"]["secure"] = {"address": "127.0.0.1:0", "filter_chains": [chain]}
    made["clusters"]["http2"] = {"endpoints": [{"address": f"127.0.0.1:{http2_port}"}], "protocol": "http2"}
    matches = [{"path": {"kind": "exact", "value": "/http2"}}]
    routes = made["route_tables"]["all"]["virtual_hosts"][0]["routes"]
    routes.insert(0, {"name": "http2", "matches": matches, "backends": [{"cluster": "http2"}]})
    return made


class Load:
    """Clients that keep their connections and clients that do not, in the clear and over TLS, WebSockets, and HTTP/2."""

    def __init__(self, proxy: KeptProxy, trust: ssl.SSLContext) -> None:
        ports = proxy.ports()
        self._groups: Final[list[Clients | LastingLoad]] = [
            Clients(ports["web"], 2, keep_alive=True),
            Clients(ports["web"], 2, keep_alive=False),
            Clients(ports["secure"], 1, keep_alive=True, trust=trust),
            Clients(ports["secure"], 1, keep_alive=False, trust=trust),
            LastingLoad(ports["web"], sockets=1, http2=1),
            Clients(ports["web"], 1, keep_alive=True, path="/http2"),
            LastingLoad(ports["web"], sockets=0, http2=1, path="/http2"),
        ]

    def __enter__(self) -> "Load":
        for group in self._groups:
            group.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for group in self._groups:
            group.__exit__()

    def go_on(self) -> None:
        """Wait until every kind of client was answered again."""
        for group in self._groups:
            group.wait_for(5)

    def told(self) -> tuple[list[str], int]:
        """All failures, and how many connections were refused or reset."""
        return [failure for group in self._groups for failure in group.failures], sum(group.refused for group in self._groups)


def test_replacements_under_load_lose_nothing(snapshot: JsonObject, trust: ssl.SSLContext) -> None:
    with kept_proxy(snapshot, workers=2) as proxy:
        ports, admin = proxy.ports(), admin_port(proxy.child.pid)
        with Load(proxy, trust) as load:
            for number in range(REPLACEMENTS):
                load.go_on()
                # Any number of workers: sockets of places that are no more are served by those that are.
                proxy.workers = (2, 1, 3)[number % 3]
                before = proxy.child.pid
                assert proxy.replace(), proxy.log()
                assert not is_running(before)
                assert admin_page(admin, "/healthz/ready") == "ready\n"
            load.go_on()
        assert load.told() == ([], 0)
        assert proxy.ports() == ports
        assert "Traceback" not in proxy.log()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_agents_that_go_at_once_lose_nothing(snapshot: JsonObject, trust: ssl.SSLContext, how: signal.Signals) -> None:
    with kept_proxy(snapshot, workers=2) as proxy:
        ports, admin = proxy.ports(), admin_port(proxy.child.pid)
        with Load(proxy, trust) as load:
            for number in range(KILLS):
                load.go_on()
                before = proxy.child.pid
                orphans = children(before)
                assert len(orphans) == 2
                os.kill(before, how)
                proxy.wait_logged("is in force", number + 2)
                # Those of the one that went go, once those of its successor serve.
                wait_until(lambda gone=orphans: not any(is_running(orphan) for orphan in gone), proxy.log)  # type: ignore[misc]
                assert admin_page(admin, "/healthz/ready") == "ready\n"
            load.go_on()
        assert load.told() == ([], 0)
        assert proxy.ports() == ports
        assert proxy.log().count("another agent has taken over") == 2 * KILLS


def test_a_worker_killed_loses_what_it_had_in_flight(snapshot: JsonObject, trust: ssl.SSLContext) -> None:
    with kept_proxy(snapshot, workers=2) as proxy:
        with Load(proxy, trust) as load:
            for number in range(KILLS):
                load.go_on()
                os.kill(min(children(proxy.child.pid)), signal.SIGKILL)
                proxy.wait_logged(KeptProxy.WORKER_READY, number + 3)
            load.go_on()
        failures, refused = load.told()
        # Ten clients, each with at most one request in flight when a worker dies.
        assert len(failures) <= 10 * KILLS, failures
        assert refused == 0


def test_a_successor_that_does_not_start_leaves_all_as_it_was(snapshot: JsonObject, trust: ssl.SSLContext) -> None:
    with kept_proxy(snapshot) as proxy, Load(proxy, trust) as load:
        load.go_on()
        before = proxy.child.pid
        proxy.config.write_text("{")
        assert not proxy.replace()
        assert proxy.child.pid == before
        load.go_on()
    failures, _ = load.told()  # after the end clients are refused
    assert failures == []


def test_what_the_successor_does_not_want_is_closed(snapshot: JsonObject) -> None:
    with kept_proxy(snapshot) as proxy:
        ports = proxy.ports()
        del snapshot["listeners"]["secure"]
        proxy.configure(snapshot)
        assert proxy.replace(), proxy.log()
        wait_until(lambda: _refuses(ports["secure"]), proxy.log)
        socket.create_connection(("127.0.0.1", ports["web"])).close()


def test_the_end_leaves_nothing_and_refuses_at_once(snapshot: JsonObject) -> None:
    with kept_proxy(snapshot) as proxy:
        agent, ports = proxy.child.pid, proxy.ports()
        workers = children(agent)
    assert not any(is_running(process) for process in [agent, *workers])
    assert all(_refuses(port) for port in ports.values())


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False
