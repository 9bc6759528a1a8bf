"""nginx and HAProxy behind the proxy take the headers of the PROXY protocol that it writes, before TLS and without."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import trustme
from live_proxy import PATIENCE, JsonObject, forward_to, live_proxy
from programs import free_port, nginx, program, server

pytestmark = pytest.mark.e2e

SAYS = "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port $connection_requests"
HAPROXY = """
defaults
  mode http
  timeout client 30s
frontend front
  bind 127.0.0.1:{port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst_port] 1"
"""


@contextmanager
def nginx_that_tells(folder: Path, listen: str = "", more: str = "") -> Iterator[int]:
    port = free_port()
    told = f"server {{ listen 127.0.0.1:{port} proxy_protocol {listen}; {more} location / {{ return 200 '{SAYS}'; }} }}"
    with nginx(folder, "return 404;", told):
        yield port


@contextmanager
def haproxy_that_tells(folder: Path) -> Iterator[int]:
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port))
    with server([program("haproxy"), "-db", "-f", str(config)], port, folder / "haproxy.out"):
        yield port


def ask(port: int, times: int) -> list[str]:
    """What is told `times` times on one connection, with the connection's own address in place of `me`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    told: list[str] = []
    try:
        for _ in range(times):
            connection.request("GET", "/")
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, body
            host, own = connection.sock.getsockname()[:2]
            told.append(body.replace(f"{host} {own} {port} ", "me "))
    finally:
        connection.close()
    return told


@pytest.mark.parametrize(("peer", "version"), [(nginx_that_tells, "v1"), (haproxy_that_tells, "v2")])
def test_each_client_is_told_as_itself(tmp_path: Path, peer: Callable[[Path], AbstractContextManager[int]], version: str) -> None:
    with peer(tmp_path) as port, live_proxy(forward_to(port, cluster={"proxy_protocol": version})) as proxy:
        for _ in range(2):
            # Its own connection is used again, another client's is not.
            told = ask(proxy.port, 3)
            assert told == ["me 1", "me 2", "me 3"] or (peer is haproxy_that_tells and told == ["me 1"] * 3)


def test_the_header_goes_before_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    more = f"ssl_certificate {tmp_path}/both.pem; ssl_certificate_key {tmp_path}/both.pem;"
    transport: JsonObject = {"security": "tls", "server_name": "localhost", "trust_file": str(tmp_path / "ca.pem")}
    with (
        nginx_that_tells(tmp_path, "ssl", more) as port,
        live_proxy(forward_to(port, cluster={"proxy_protocol": "v2", "transport": transport})) as proxy,
    ):
        assert ask(proxy.port, 2) == ["me 1", "me 2"]
