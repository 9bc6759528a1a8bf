"""`hauberk proxy` as people start it: a process with options, real ports, real requests."""

import contextlib
import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.e2e

# Generous, because many tests may run at once; nothing waits for so long unless it hangs.
DEADLINE_SECONDS: Final = 60.0
LISTENS: Final = re.compile(r"listener (\S+) listens on 127\.0\.0\.1:(\d+)")


class Answer(BaseHTTPRequestHandler):
    """Answers with the name of its server and what it was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Upstream)
        body = f"{self.server.name} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class Upstream(ThreadingHTTPServer):
    """A server of the standard library: as foreign to us as can be had here."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.name: Final = name

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextlib.contextmanager
def upstream(name: str) -> Iterator[Upstream]:
    with Upstream(name) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Proxy:
    """A running `hauberk proxy`."""

    def __init__(self, process: "subprocess.Popen[str]", listeners: int) -> None:
        self.process: Final = process
        self.ports: Final[list[int]] = []
        self.log = ""
        watchdog = threading.Timer(DEADLINE_SECONDS, process.kill)
        watchdog.start()
        assert process.stderr is not None
        try:
            while len(self.ports) < listeners:
                line = process.stderr.readline()
                assert line, f"it ended before it listened:\n{self.log}"
                self.log += line
                self.ports.extend(int(match[2]) for match in LISTENS.finditer(line))
        finally:
            watchdog.cancel()

    def get(self, path: str, port: int, context: ssl.SSLContext | None = None) -> tuple[int, str]:
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
            if context is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS, context=context)
        )
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hauberk_cli", "proxy", *arguments]


@contextlib.contextmanager
def proxy(*arguments: str, listeners: int = 1) -> Iterator[Proxy]:
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Proxy(process, listeners)
        finally:
            if process.poll() is None:
                process.kill()


def fails(*arguments: str) -> tuple[int, str]:
    finished = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    return finished.returncode, finished.stderr


def test_one_line_serves_http_and_https_and_takes_endpoints_in_turn() -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with (
        upstream("one") as first,
        upstream("two") as second,
        proxy(
            *("--from", "127.0.0.1:0", "--from", "https://127.0.0.1:0"),
            *("--to", f":{first.port}", "--to", f"127.0.0.1:{second.port}"),
            listeners=2,
        ) as running,
    ):
        plain, secure = running.ports
        answers = [running.get("/books?id=7", plain) for _ in range(4)]
        assert {status for status, _ in answers} == {200}
        assert sorted(body for _, body in answers) == ["one /books?id=7"] * 2 + ["two /books?id=7"] * 2
        status, body = running.get("/secure", secure, trusting)
        assert (status, body.split()[1]) == (200, "/secure")
        assert "A self-signed certificate was made for 127.0.0.1, localhost" in running.log
        running.process.send_signal(signal.SIGINT)
        written, _ = running.process.communicate(timeout=DEADLINE_SECONDS)
        assert running.process.returncode == 0
        assert written.count('"GET /books?id=7 HTTP/1.1" 200') == 4


def test_an_upstream_certificate_must_be_trusted_unless_said_otherwise(tmp_path: Path) -> None:
    from hauberk_cli.proxy.certificate import make_self_signed

    made = make_self_signed([])
    (tmp_path / "chain.pem").write_bytes(made.chain)
    (tmp_path / "both.pem").write_bytes(made.chain + made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    with upstream("secret") as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        for options, expected in (
            ((), 503),
            (("--cacert", str(tmp_path / "chain.pem")), 200),
            (("--insecure",), 200),
        ):
            line = ("--from", "127.0.0.1:0", "--to", f"https://127.0.0.1:{server.port}", "--access-log", "off", *options)
            with proxy(*line) as running:
                assert running.get("/", running.ports[0])[0] == expected, options


def test_a_port_in_use_is_told_and_is_exit_code_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, shown = fails("--from", f"127.0.0.1:{port}", "--to", ":1")
    assert status == 3
    assert f"127.0.0.1:{port}" in shown
    assert "next: " in shown


def test_a_wrong_configuration_is_told_with_its_place_and_is_exit_code_3(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text('{\n  "listeners": {"web": {"adress": ":0"}}\n}')
    status, shown = fails("--config", str(file))
    assert status == 3
    assert f"{file}:2:25: listeners.web.adress: no member is called 'adress' here" in shown
    assert "did you mean 'address'?" in shown
