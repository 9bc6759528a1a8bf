"""Routes, endpoints and certificates change; WebSockets, streams of HTTP/2, and calls of gRPC in both directions last."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest
import trustme
from endurance import lasting
from grpc_peers import SERVICE, Conversation, calling_at, grpc_service
from identity_files import IdentityFiles
from lasting_backend import LastingBackend, lasting_backend
from lasting_clients import Http2, WebSocket
from live_proxy import JsonObject, LiveProxy, forward_to, live_proxy
from mesh_authority import MeshAuthority, workload

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

SOCKETS: Final = int(lasting(1000, 60))
STREAMS: Final = int(lasting(200, 20))
# Half of them straight to an endpoint of HTTP/2, half through a sidecar.
CALLS: Final = int(lasting(200, 20))
CHANGES: Final = int(lasting(200, 12))
# Of the sockets, so many in the clear for each inside TLS.
CLEAR: Final = 3
# Looked at after each change; behind the last one all are.
LOOKED_AT: Final = 5
# A connection of HTTP/2 takes 100 streams.
STREAMS_EACH: Final = 50
STALL: Final[JsonObject] = {"timeouts": {"stall": "900s"}}
BOTH_WAYS: Final[JsonObject] = {"alpn": ["h2", "http/1.1"]}
GUARDED: Final = "guarded.test"
GATEWAY: Final = workload("gateway")
SIDECAR: Final = workload("sidecar")


class Sidecar:
    """A proxy in front of the services of gRPC, which is reached by mutual TLS; and the gateway's side of that."""

    def __init__(self, services: tuple[int, int], folder: Path) -> None:
        self._services: Final = services
        self._authority: Final = MeshAuthority()
        trust = self._authority.trust_pem
        self._files: Final = IdentityFiles(folder / "sidecar", self._authority.issue(SIDECAR), trust)
        self._gateway_files: Final = IdentityFiles(folder / "gateway", self._authority.issue(GATEWAY), trust)

    def renew(self) -> None:
        """Give both ends other certificates."""
        self._files.renew(self._authority.issue(SIDECAR))
        self._gateway_files.renew(self._authority.issue(GATEWAY))

    def snapshot(self, number: int) -> JsonObject:
        """The sidecar's `number`-th configuration."""
        settings: JsonObject = {"protocol": "http2", "connect_timeout": f"{5 + number % 2}s"}
        chain = STALL | {"transport": self._files.transport(GATEWAY) | BOTH_WAYS}
        made = forward_to(*in_turn(self._services, number), cluster=settings, chain=chain)
        return made | {"certificates": self._files.certificates(), "version": f"change-{number}"}

    def gateway_certificates(self) -> JsonObject:
        """What the gateway proves itself by."""
        return self._gateway_files.certificates()

    def cluster(self, port: int) -> JsonObject:
        """The gateway's, which leads to it."""
        transport = self._gateway_files.transport(SIDECAR) | BOTH_WAYS
        return {"endpoints": [{"address": f"127.0.0.1:{port}"}], "protocol": "client", "transport": transport}


def in_turn(ports: tuple[int, int], number: int) -> tuple[int, ...]:
    """The endpoints of the `number`-th configuration: the first, both, the second, and so on."""
    return (ports[:1], ports, ports[1:])[number % 3]


class World:
    """Two backends, two services of gRPC, a sidecar, and the certificates that a listener has in turn."""

    def __init__(
        self, backends: tuple[LastingBackend, LastingBackend], services: tuple[int, int], sidecar: Sidecar, folder: Path
    ) -> None:
        self._ports: Final = (backends[0].port, backends[1].port)
        self._services: Final = services
        self._sidecar: Final = sidecar
        self._folder: Final = folder
        authority = trustme.CA()
        self.trust: Final = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self._certificates: Final = [authority.issue_cert("localhost") for _ in range(3)]

    def snapshot(self, number: int, sidecar: int) -> JsonObject:
        """The gateway's `number`-th configuration: each differs from the one before in everything that may differ.

        Args: sidecar - its port.
        """
        certificate = self._certificates[number % 3]
        # The file is written anew, and every other time the listener has one of another name as well.
        name = f"web-{number % 2}"
        (self._folder / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        made = forward_to(*in_turn(self._ports, number), cluster={"connect_timeout": f"{5 + number % 2}s"}, chain=STALL)
        files = {"chain_file": str(self._folder / "chain.pem"), "key_file": str(self._folder / "key.pem")}
        made["certificates"] = {name: files} | self._sidecar.gateway_certificates()
        secure = STALL | {"route_table": "all", "transport": {"security": "tls", "certificates": [name]}}
        made["listeners"]["secure"] = {"address": "127.0.0.1:0", "filter_chains": [secure]}
        routes = made["route_tables"]["all"]["virtual_hosts"][0]["routes"]
        other = f"other-{number % 4}"
        made["clusters"][other] = made["clusters"]["backend"]
        routes[0]["backends"] = [{"cluster": "backend"}, {"cluster": other, "weight": 1 + number % 2}]
        if number % 2:
            routes.insert(
                0,
                {
                    "name": f"more-{number}",
                    "backends": [{"cluster": other}],
                    "matches": [{"path": {"kind": "exact", "value": "/x"}}],
                },
            )
        services = [{"address": f"127.0.0.1:{port}"} for port in in_turn(self._services, number)]
        made["clusters"]["services"] = {"endpoints": services, "protocol": "http2"}
        routes.insert(
            0,
            {
                "name": f"calls-{number % 2}",
                "backends": [{"cluster": "services"}],
                "matches": [{"path": {"value": f"/{SERVICE}"}}],
            },
        )
        made["clusters"]["sidecar"] = self._sidecar.cluster(sidecar)
        guarded = {"name": f"guarded-{number % 2}", "backends": [{"cluster": "sidecar"}]}
        hosts = made["route_tables"]["all"]["virtual_hosts"]
        hosts.append({"name": "guarded", "hosts": [GUARDED], "routes": [guarded]})
        return made | {"version": f"change-{number}"}


@pytest.fixture
def backends() -> Iterator[tuple[LastingBackend, LastingBackend]]:
    with lasting_backend() as first, lasting_backend() as second:
        yield first, second


@pytest.fixture
def services() -> Iterator[tuple[int, int]]:
    with grpc_service("first", threads=CALLS) as (_, first), grpc_service("second", threads=CALLS) as (_, second):
        yield first, second


def converse(stack: contextlib.ExitStack, port: int) -> list[Conversation]:
    """Begin calls, on connections that have no more than their part of them."""
    calls: list[Conversation] = []
    for number in range(CALLS):
        if number % STREAMS_EACH == 0:
            straight, guarded = (stack.enter_context(calling_at(port, name)) for name in ("a.test", GUARDED))
        calls.append(Conversation(guarded if number % 2 else straight))
        stack.callback(calls[-1].cancel)
        assert calls[-1].say(b"begun") == b"BEGUN"
    return calls


def change(sidecar: LiveProxy, gateway: LiveProxy, world: World, behind: Sidecar, number: int) -> None:
    """Bring the `number`-th configuration into force everywhere."""
    behind.renew()
    sidecar.configure(behind.snapshot(number))
    gateway.configure(world.snapshot(number, sidecar.port))
    for proxy in (sidecar, gateway):
        proxy.wait_logged(f"version 'change-{number}'")


def test_nothing_that_lasts_is_closed_by_changes(
    backends: tuple[LastingBackend, LastingBackend], services: tuple[int, int], tmp_path: Path
) -> None:
    behind = Sidecar(services, tmp_path)
    world = World(backends, services, behind, tmp_path)
    with (
        live_proxy(behind.snapshot(0)) as sidecar,
        live_proxy(world.snapshot(0, sidecar.port)) as gateway,
        contextlib.ExitStack() as stack,
    ):
        ports = gateway.ports()
        sockets: list[WebSocket] = []
        for number in range(SOCKETS):
            secure = number % (CLEAR + 1) == CLEAR
            opened = WebSocket(ports["secure"], world.trust) if secure else WebSocket(ports["web"])
            stack.callback(opened.close)
            sockets.append(opened)
        connections = [Http2(ports["web"]) for _ in range(0, STREAMS, STREAMS_EACH)]
        streams: list[tuple[Http2, int]] = []
        for connection in connections:
            stack.callback(connection.close)
        for number in range(STREAMS):
            connection = connections[number // STREAMS_EACH]
            streams.append((connection, connection.ask("/lasting")))
            connection.await_body(streams[-1][1], b"begun")
        calls = converse(stack, ports["web"])
        for number in range(1, CHANGES + 1):
            change(sidecar, gateway, world, behind, number)
            for place in range(number * LOOKED_AT, (number + 1) * LOOKED_AT):
                sockets[place % SOCKETS].echo(b"change %d" % number)
                assert calls[place % CALLS].say(b"change %d" % number) == b"CHANGE %d" % number
        for number, each in enumerate(sockets):
            each.echo(b"socket %d" % number)
        for backend in backends:
            backend.finish()
        assert {connection.finish(stream) for connection, stream in streams} == {(200, b"begunended")}
        for call in calls:
            assert call.say(b"still here") == b"STILL HERE"
            assert call.end() is grpc.StatusCode.OK
        for proxy, listening in ((gateway, ports), (sidecar, {"web": sidecar.port})):
            assert "Traceback" not in proxy.log()
            assert proxy.ports() == listening
