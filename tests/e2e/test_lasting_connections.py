"""Routes, endpoints and certificates change; WebSockets, and streams of HTTP/2, last."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from endurance import lasting
from lasting_backend import LastingBackend, lasting_backend
from lasting_clients import Http2, WebSocket
from live_proxy import JsonObject, forward_to, live_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

SOCKETS: Final = int(lasting(1000, 60))
STREAMS: Final = int(lasting(200, 20))
CHANGES: Final = int(lasting(200, 12))
# Of the sockets, so many in the clear for each inside TLS.
CLEAR: Final = 3
# Looked at after each change; behind the last one all are.
LOOKED_AT: Final = 5
# A connection of HTTP/2 takes 100 streams.
STREAMS_EACH: Final = 50


class World:
    """Two backends and the certificates that a listener has in turn."""

    def __init__(self, first: LastingBackend, second: LastingBackend, folder: Path) -> None:
        self._ports: Final = (first.port, second.port)
        self._folder: Final = folder
        authority = trustme.CA()
        self.trust: Final = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self._certificates: Final = [authority.issue_cert("localhost") for _ in range(3)]

    def snapshot(self, number: int) -> JsonObject:
        """The `number`-th configuration: each differs from the one before in everything that may differ."""
        certificate = self._certificates[number % 3]
        # The file is written anew, and every other time the listener has one of another name as well.
        name = f"web-{number % 2}"
        (self._folder / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        ports = (self._ports[:1], self._ports, self._ports[1:])[number % 3]
        chain: JsonObject = {"timeouts": {"stall": "900s"}}
        made = forward_to(*ports, cluster={"connect_timeout": f"{5 + number % 2}s"}, chain=chain)
        files = {"chain_file": str(self._folder / "chain.pem"), "key_file": str(self._folder / "key.pem")}
        made["certificates"] = {name: files}
        secure = chain | {"route_table": "all", "transport": {"security": "tls", "certificates": [name]}}
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
        return made | {"version": f"change-{number}"}


@pytest.fixture
def backends() -> Iterator[tuple[LastingBackend, LastingBackend]]:
    with lasting_backend() as first, lasting_backend() as second:
        yield first, second


def test_nothing_that_lasts_is_closed_by_changes(backends: tuple[LastingBackend, LastingBackend], tmp_path: Path) -> None:
    world = World(*backends, tmp_path)
    with live_proxy(world.snapshot(0)) as proxy, contextlib.ExitStack() as stack:
        ports = proxy.ports()
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
        for change in range(1, CHANGES + 1):
            proxy.configure(world.snapshot(change))
            proxy.wait_logged(f"version 'change-{change}'")
            for number in range(LOOKED_AT):
                sockets[(change * LOOKED_AT + number) % SOCKETS].echo(b"change %d" % change)
        for number, each in enumerate(sockets):
            each.echo(b"socket %d" % number)
        for backend in backends:
            backend.finish()
        assert {connection.finish(stream) for connection, stream in streams} == {(200, b"begunended")}
        assert "Traceback" not in proxy.log()
        assert proxy.ports() == ports
