"""What routes ask for beyond the usual, with a proxy in a process of its own, real sockets and OpenSSL at the other end."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from live_proxy import PATIENCE, LiveProxy, live_proxy, wait_until

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)


class Backend(ThreadingHTTPServer):
    """Notes every request; answers 500 as often as it is told to."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = context
        self.seen: list[tuple[str, str, bytes]] = []
        """Method and path, who the client proved to be, and the body."""
        self.failures = 0
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        sock, address = super().get_request()
        sock.settimeout(PATIENCE)
        return (self.context.wrap_socket(sock, server_side=True) if self.context else sock), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A proxy that refuses this certificate breaks the connection: nothing to tell of."""

    def end(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = ",".join([str(entry[1]) for entry in (certificate or {}).get("subjectAltName", ())])
        with self.server.lock:
            self.server.seen.append((f"{self.command} {self.path}", names, body))
            failed = self.server.failures > 0
            self.server.failures -= failed
        self.send_response(500 if failed else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class World:
    """A proxy, and what it forwards to."""

    def __init__(self, proxy: LiveProxy, plain: Backend, shadow: Backend, secure: Backend) -> None:
        self.proxy = proxy
        self.plain = plain
        self.shadow = shadow
        self.secure = secure

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=PATIENCE)
        connection.request(method, path, body or None, {"Host": "a.test", "Connection": "close"} | (headers or {}))
        response = connection.getresponse()
        response.read()
        connection.close()
        return response


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("certificates")
    own = AUTHORITY.issue_cert("gateway.test", key_type=trustme.KeyType.ECDSA)
    own.cert_chain_pems[0].write_to_path(folder / "own.pem")
    own.private_key_pem.write_to_path(folder / "own.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("backend.test", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    plain, shadow, secure = Backend(), Backend(), Backend(context)

    def route(path: str, cluster: str, **more: Any) -> dict[str, Any]:
        return {"name": path, "matches": [{"path": {"value": path}}], "backends": [{"cluster": cluster}], **more}

    def tls(*names: str) -> dict[str, Any]:
        transport = {
            "security": "tls",
            "server_name": "asked.test",
            "trust_pem": AUTHORITY.cert_pem.bytes().decode(),
            "subject_alt_names": names,
            "certificates": ["own"],
        }
        return {"endpoints": [{"address": secure.address}], "transport": transport, "connect_attempts": 1}

    snapshot = {
        "listeners": {"web": {"address": "127.0.0.1:0", "filter_chains": [{"route_table": "all"}]}},
        "route_tables": {
            "all": {
                "virtual_hosts": [
                    {
                        "name": "any",
                        "hosts": ["*"],
                        "routes": [
                            route("/retry", "plain", retry={"codes": [500], "attempts": 3, "backoff": "1ms"}),
                            route("/mirror", "plain", mirrors=[{"cluster": "shadow"}, {"cluster": "gone"}]),
                            route("/cors", "plain", cors={"allow_origins": ["https://*.shop.test"]}),
                            route("/secure", "secure"),
                            route("/other", "other"),
                        ],
                    }
                ]
            }
        },
        "clusters": {
            "plain": {"endpoints": [{"address": plain.address}]},
            "shadow": {"endpoints": [{"address": shadow.address}]},
            "gone": {"endpoints": [{"address": "127.0.0.1:1"}]},
            "secure": tls("somebody.test", "backend.test"),
            "other": tls("somebody.test", "asked.test"),
        },
        "certificates": {"own": {"chain_file": str(folder / "own.pem"), "key_file": str(folder / "own.key")}},
        "access_log": None,
    }
    try:
        with live_proxy(snapshot) as proxy:
            yield World(proxy, plain, shadow, secure)
    finally:
        for backend in (plain, shadow, secure):
            backend.end()


@pytest.mark.parametrize(("failures", "status", "asked"), [(3, 200, 4), (4, 500, 4), (0, 200, 1)])
def test_a_request_is_sent_again(world: World, failures: int, status: int, asked: int) -> None:
    world.plain.seen.clear()
    world.plain.failures = failures
    assert world.ask("POST", "/retry", b"whole").status == status
    assert world.plain.seen == [("POST /retry", "", b"whole")] * asked
    world.plain.failures = 0


def test_a_mirror_gets_a_copy_and_one_that_is_gone_does_not_matter(world: World) -> None:
    world.plain.seen.clear()
    world.shadow.seen.clear()
    body = b"x" * 100_000
    assert world.ask("POST", "/mirror", body).status == 200
    assert world.plain.seen == [("POST /mirror", "", body)]
    wait_until(lambda: bool(world.shadow.seen), lambda: "no copy came")
    assert world.shadow.seen == world.plain.seen


def test_a_browser_is_answered(world: World) -> None:
    world.plain.seen.clear()
    asked = {"Origin": "https://www.shop.test", "Access-Control-Request-Method": "GET"}
    answer = world.ask("OPTIONS", "/cors", headers=asked)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "https://www.shop.test")
    assert world.plain.seen == []
    assert world.ask("GET", "/cors", headers=asked).headers["access-control-allow-origin"] == "https://www.shop.test"


def test_a_backend_inside_tls_proves_one_of_its_names_and_is_shown_ours(world: World) -> None:
    world.secure.seen.clear()
    assert world.ask("GET", "/secure").status == 200
    assert world.secure.seen == [("GET /secure", "gateway.test", b"")]


def test_a_backend_that_has_none_of_the_names_gets_nothing(world: World) -> None:
    world.secure.seen.clear()
    answer = world.ask("GET", "/other")
    assert (answer.status, answer.headers["hauberk-reason"]) == (503, "connect_failed")
    assert world.secure.seen == []
