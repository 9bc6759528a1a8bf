"""The admin server: its pages, and what it refuses."""

import json
from typing import Final

import h11
import msgspec
import pytest
import trio
import trio.testing
from cryptography import x509
from mesh_authority import MeshAuthority, workload

from hauberk_core.agent.admin import AdminServer
from hauberk_core.agent.counters import Counters
from hauberk_core.agent.pages import make_pages
from hauberk_core.agent.secrets import Secrets
from hauberk_core.agent.state import AgentState
from hauberk_core.agent.supervisor import Supervisor
from hauberk_core.agent.target import Target
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model import (
    Certificate,
    Cluster,
    HeaderModifier,
    JsonObject,
    PluginConfig,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.address import Address
from hauberk_core.net.x509 import read_certificate

AUTHORITY: Final = MeshAuthority()
_LEAF: Final = AUTHORITY.issue(workload("web"))
WEB: Final = CertificatePem(_LEAF.chain + AUTHORITY.trust_pem, _LEAF.key)
SECRET: Final = "Bearer do-not-show"


def _snapshot() -> Snapshot:
    route = Route(
        name="all",
        backends=(WeightedCluster(cluster="books"),),
        request_headers=HeaderModifier(set=(("Authorization", SECRET), ("x-team", "shelves"))),
        plugins=(PluginConfig(plugin="canary", config=JsonObject.of({"session": {"name": "cart", "secret": SECRET}})),),
    )
    return Snapshot(
        version="v7",
        clusters={"books": Cluster()},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",), routes=(route,)),))},
        certificates={"web": Certificate(chain_file="chain.pem", key_file="key.pem")},
    )


class Served:
    """A running admin server and the state that it shows."""

    def __init__(self) -> None:
        counters = Counters()
        self.state: Final = AgentState(counters, Supervisor(("true",), 1, counters, -1, lambda spans: None), name="reviews-v1")
        self.server: Final = AdminServer("127.0.0.1:0", make_pages(self.state))

    def configure(self) -> None:
        """Pretend that a configuration is in force."""
        resources = {"certificate/web": msgspec.msgpack.encode(WEB), "trust/mesh": AUTHORITY.trust_pem}
        secrets = Secrets(resources, {"web": read_certificate(WEB.chain)})
        self.state.target = Target(3, _snapshot(), secrets, {}, -1)
        self.state.addresses = {"web": Address("127.0.0.1", 8080)}

    async def raw(self, octets: bytes) -> tuple[int, bytes]:
        """Send octets; return the status and the body of the answer."""
        with trio.fail_after(60):
            async with await trio.open_tcp_stream(*self.server.address) as stream:
                await stream.send_all(octets)
                connection = h11.Connection(h11.CLIENT)
                connection.send(
                    h11.Request(method="HEAD" if octets.startswith(b"HEAD") else "GET", target="/", headers=[("host", "a")])
                )
                connection.send(h11.EndOfMessage())
                status, body = 0, b""
                while True:
                    event = connection.next_event()
                    if event is h11.NEED_DATA:
                        connection.receive_data(await stream.receive_some(65536))
                    elif isinstance(event, h11.Response):
                        status = event.status_code
                    elif isinstance(event, h11.Data):
                        body += event.data
                    else:
                        return status, body

    async def get(self, path: str, host: str = "localhost", method: str = "GET") -> tuple[int, bytes]:
        """Ask for a page."""
        return await self.raw(f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())


@pytest.fixture
async def served(nursery: trio.Nursery) -> Served:
    """A running admin server."""
    made = Served()
    nursery.start_soon(made.server.serve)
    return made


async def test_readiness_follows_the_state(served: Served) -> None:
    status, body = await served.get("/healthz/ready")
    assert status == 503
    assert b"configuration: none yet" in body
    served.configure()
    status, body = await served.get("/readyz?verbose")
    assert status == 503
    assert b"[+] configuration: number 3, version 'v7'" in body
    assert b"[-] workers: 0 of 1 ready" in body
    assert b"[+] serving: accepting" in body
    served.state.draining = True
    assert b"[-] serving: draining" in (await served.get("/readyz?verbose"))[1]
    assert (await served.get("/readyz"))[0] == 503


async def test_a_refused_configuration_is_told(served: Served) -> None:
    served.configure()
    served.state.refusals["configuration"] = "proxy.json:3:1: no such thing"
    assert b"later configuration refused: proxy.json:3:1: no such thing" in (await served.get("/readyz?verbose"))[1]
    assert json.loads((await served.get("/config_dump"))[1])["refused"] == {"configuration": "proxy.json:3:1: no such thing"}


async def test_the_dump_shows_the_configuration_without_its_secrets(served: Served) -> None:
    served.configure()
    status, body = await served.get("/config_dump")
    assert status == 200
    shown = json.loads(body)
    assert (shown["proxy"], shown["number"]) == ("reviews-v1", 3)
    assert shown["addresses"] == {"web": "127.0.0.1:8080"}
    route = shown["snapshot"]["route_tables"]["all"]["virtual_hosts"][0]["routes"][0]
    assert route["request_headers"]["set"] == [["Authorization", "[redacted]"], ["x-team", "shelves"]]
    assert route["plugins"][0]["config"] == {"session": {"name": "cart", "secret": "[redacted]"}}
    assert SECRET.encode() not in body
    assert not any(line in body for line in WEB.key.splitlines())


async def test_certificates_are_shown_with_their_chains_and_without_their_keys(served: Served) -> None:
    assert json.loads((await served.get("/certs"))[1]) == {"certificates": [], "trust": []}
    served.configure()
    body = (await served.get("/certs"))[1]
    shown = json.loads(body)
    [web] = shown["certificates"]
    leaf = x509.load_pem_x509_certificates(WEB.chain)[0]
    assert web["name"] == "web"
    assert web["names"] == [workload("web")]
    assert web["serial"] == f"{leaf.serial_number:x}"
    assert web["not_after"] == leaf.not_valid_after_utc.isoformat()
    assert [certificate["authority"] for certificate in web["chain"]] == [False, True]
    [mesh] = shown["trust"]
    assert (mesh["name"], mesh["authorities"]) == ("mesh", web["chain"][1:])
    assert b"PRIVATE" not in body
    assert not any(line in body for line in WEB.key.splitlines())


async def test_clusters_are_asked_of_the_workers(served: Served) -> None:
    # None is ready here; what they tell is in test_cluster_views, and that they are asked in test_agent.
    assert json.loads((await served.get("/clusters"))[1]) == {"workers": 0, "clusters": []}


async def test_metrics_are_prometheus_text(served: Served) -> None:
    status, body = await served.get("/stats/prometheus")
    assert status == 200
    assert b"# TYPE hauberk_metrics_series_refused_total counter" in body


async def test_head_has_no_body(served: Served) -> None:
    assert await served.get("/stats/prometheus", method="HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        (b"POST /config_dump HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + bytes(20000).replace(b"\0", b"a"), 431),
    ],
)
async def test_what_is_no_proper_question_is_refused(served: Served, octets: bytes, status: int) -> None:
    assert (await served.raw(octets))[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:15000", 200),
        ("127.0.0.1:15000", 200),
        ("[::1]:15000", 200),
        ("[::1]", 200),
        ("rebound.example.test", 403),
        ("rebound.example.test:15000", 403),
        ("", 403),
    ],
)
async def test_a_page_in_a_browser_cannot_rebind_its_name_to_us(served: Served, host: str, status: int) -> None:
    assert (await served.get("/certs", host))[0] == status


@pytest.fixture
def jumping_clock() -> trio.testing.MockClock:
    """Time that jumps once nothing has come over any socket for a while: a busy kernel may take a moment to deliver."""
    return trio.testing.MockClock(autojump_threshold=0.2)


async def test_silent_clients_keep_nobody_else_out_for_long(nursery: trio.Nursery, jumping_clock: trio.testing.MockClock) -> None:
    served = Served()
    nursery.start_soon(served.server.serve)
    silent = [await trio.open_tcp_stream(*served.server.address) for _ in range(40)]
    begun = trio.current_time()
    status = await _status_without_deadline(served)
    assert status == 200
    # Two rounds of the exchange's own deadline at most: 32 connections are served at a time.
    assert trio.current_time() - begun <= 21.0
    for stream in silent:
        await stream.aclose()


async def _status_without_deadline(served: Served) -> int:
    async with await trio.open_tcp_stream(*served.server.address) as stream:
        await stream.send_all(b"GET /certs HTTP/1.1\r\nhost: localhost\r\n\r\n")
        octets = b""
        while chunk := await stream.receive_some(65536):
            octets += chunk
    return int(octets.split(b" ")[1])
