"""nginx and HAProxy that speak HTTP/2 with the proxy: as backends, in the clear and-by-alpn, and in front of it."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
import trustme
from curl import carries_everything, curl, head_and_body
from endurance import lasting
from grpc_peers import LARGE as LARGE_MESSAGE
from grpc_peers import PATIENCE as CALL_PATIENCE
from grpc_peers import Caller, Service, calling_at, failure, grpc_service
from live_proxy import PATIENCE, JsonObject, LiveProxy, forward_to, live_proxy
from origin import Origin, made, origin
from programs import free_port, nginx, program, server

pytestmark = pytest.mark.e2e

SIZE: Final = 2 * 1024 * 1024
UPLOAD: Final = 512 * 1024
REQUESTS_OF_A_CONNECTION: Final = 50
# Each tells in which version of HTTP it was asked.
NGINX: Final = """
upstream origin {{ server 127.0.0.1:{origin}; keepalive 8; }}
server {{
  listen 127.0.0.1:{clear} http2;
  listen 127.0.0.1:{tls} ssl http2;
  ssl_certificate {folder}/both.pem;
  ssl_certificate_key {folder}/both.pem;
  location / {{
    proxy_pass http://origin;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    proxy_buffering off;
    add_header x-asked-by $server_protocol always;
  }}
}}
"""
HAPROXY: Final = """
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{clear} proto h2
  bind 127.0.0.1:{tls} ssl crt {folder}/both.pem alpn h2,http/1.1
  http-request set-var(txn.version) req.ver
  http-response set-header x-asked-by HTTP/%[var(txn.version)]
  default_backend back
backend back
  server only 127.0.0.1:{origin}
"""
HAPROXY_IN_FRONT: Final = """
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server only 127.0.0.1:{to} ssl verify required ca-file {folder}/authority.pem sni str(localhost) alpn h2
"""
NGINX_IN_FRONT: Final = """
upstream hauberk {{ server 127.0.0.1:{clear}; keepalive 4; }}
upstream hauberk-tls {{ server 127.0.0.1:{tls}; keepalive 4; }}
server {{ listen 127.0.0.1:{front} http2; location / {{ grpc_pass grpc://hauberk; }} }}
server {{
  listen 127.0.0.1:{secure_front} http2;
  location / {{
    grpc_pass grpcs://hauberk-tls;
    grpc_ssl_verify on;
    grpc_ssl_trusted_certificate {folder}/authority.pem;
    grpc_ssl_name localhost;
    grpc_ssl_server_name on;
  }}
}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With certificates for localhost, and something to send."""
    made_at = tmp_path_factory.mktemp("proxies")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(made_at / "authority.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(made_at / "both.pem"))
    issued.private_key_pem.write_to_path(str(made_at / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(made_at / "chain.pem"))
    (made_at / "upload").write_bytes(made(UPLOAD))
    return made_at


@pytest.fixture(scope="module")
def backend() -> Iterator[Origin]:
    with origin() as running:
        yield running


@contextmanager
def nginx_behind(folder: Path, to: Origin) -> Iterator[tuple[int, int]]:
    """nginx before an origin. Yields its ports: in the clear, and of TLS."""
    clear, tls = free_port(), free_port()
    with nginx(folder, "return 404;", NGINX.format(clear=clear, tls=tls, origin=to.port, folder=folder)):
        yield clear, tls


@contextmanager
def haproxy_behind(folder: Path, to: Origin) -> Iterator[tuple[int, int]]:
    """Likewise, HAProxy."""
    clear, tls = free_port(), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(clear=clear, tls=tls, origin=to.port, folder=folder))
    with server([program("haproxy"), "-db", "-f", str(config)], clear, folder / "haproxy.out"):
        yield clear, tls


def _each_on_its_own_port(clusters: dict[str, JsonObject]) -> JsonObject:
    """A configuration with a listener for each cluster, of the same name."""
    route = {"name": "all"}
    return {
        "listeners": {name: {"address": "127.0.0.1:0", "filter_chains": [{"route_table": name}]} for name in clusters},
        "route_tables": {
            name: {"virtual_hosts": [{"name": "any", "hosts": ["*"], "routes": [route | {"backends": [{"cluster": name}]}]}]}
            for name in clusters
        },
        "clusters": clusters,
        "access_log": None,
    }


@pytest.fixture(scope="module")
def gateway(folder: Path, backend: Origin) -> Iterator[LiveProxy]:
    """A proxy that reaches the origin through each of the two, in the clear and inside TLS."""
    trusting = {"security": "tls", "server_name": "localhost", "trust_file": str(folder / "authority.pem")}
    with ExitStack() as stack:
        clusters: dict[str, JsonObject] = {}
        for name, behind in (("nginx", nginx_behind), ("haproxy", haproxy_behind)):
            clear, tls = stack.enter_context(behind(folder, backend))
            clusters[name] = {"endpoints": [{"address": f"127.0.0.1:{clear}"}], "protocol": "http2"}
            clusters[f"{name}-by-alpn"] = {
                "endpoints": [{"address": f"127.0.0.1:{tls}"}],
                "protocol": "alpn",
                "transport": trusting,
            }
        yield stack.enter_context(live_proxy(_each_on_its_own_port(clusters)))


@pytest.mark.parametrize("client", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("peer", ["nginx", "nginx-by-alpn", "haproxy", "haproxy-by-alpn"])
def test_behind(gateway: LiveProxy, folder: Path, peer: str, client: str) -> None:
    url = f"http://127.0.0.1:{gateway.ports()[peer]}"
    _, fields, body = head_and_body(curl(client, "--include", f"{url}/bytes?n=7"))
    assert (fields["x-asked-by"], body) == ("HTTP/2.0", made(7))
    # nginx tells nobody over HTTP/2 to go on, so that curl sends its body when it has waited long enough.
    carries_everything(url, folder / "upload", SIZE, client, "--expect100-timeout", 0.1)


# HAProxy 2.6 itself ends a stream as if it were whole where chunks break off.
@pytest.mark.parametrize(("peer", "how"), [("nginx", "counted"), ("nginx", "chunked-reset"), ("haproxy-by-alpn", "counted")])
def test_a_backend_that_breaks_off_in_the_middle(gateway: LiveProxy, peer: str, how: str) -> None:
    url = f"http://127.0.0.1:{gateway.ports()[peer]}"
    command = [program("curl"), "--silent", "-o", "/dev/null", f"{url}/die?n=300000&how={how}"]
    # 18: a part of the file; 56: the connection was reset while receiving. Anything but success.
    assert subprocess.run(command, check=False, timeout=PATIENCE).returncode in {18, 56}
    assert curl(f"{url}/bytes?n=3") == made(3), "others go on"


def test_h2load_loses_no_request_to_a_backend_that_closes_connections_in_order(tmp_path: Path) -> None:
    """nginx says GOAWAY behind so many requests of a connection, and looks at none of those that are on their way by then."""
    port, status = free_port(), free_port()
    servers = (
        f"server {{ listen 127.0.0.1:{port} http2; keepalive_requests {REQUESTS_OF_A_CONNECTION};"
        " location / { return 200 'ten octets'; } }"
        f" server {{ listen 127.0.0.1:{status}; location / {{ stub_status; }} }}"
    )
    number = int(lasting(100_000, 800))
    with nginx(tmp_path, "return 404;", servers), live_proxy(forward_to(port, cluster={"protocol": "http2"})) as running:
        command = [program("h2load"), "-n", str(number), "-c8", "-m20", f"http://127.0.0.1:{running.port}/"]
        patience = lasting(600, PATIENCE * 2)
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=patience).stdout
        assert f"requests: {number} total, {number} started, {number} done, {number} succeeded, 0 failed, 0 errored" in shown
        assert f"status codes: {number} 2xx, 0 3xx, 0 4xx, 0 5xx" in shown
        with urllib.request.urlopen(f"http://127.0.0.1:{status}/", timeout=PATIENCE) as told:
            accepted = re.search(r"^ (\d+) ", told.read().decode(), re.MULTILINE)
        assert accepted is not None
        assert int(accepted[1]) >= number // REQUESTS_OF_A_CONNECTION, "each connection had no more than that"


# In front.


@pytest.fixture(scope="module")
def secure(folder: Path) -> dict[str, Any]:
    """A chain's settings for TLS that offers HTTP/2, and the certificate for it."""
    return {
        "chain": {"transport": {"security": "tls", "certificates": ["own"], "alpn": ["h2", "http/1.1"]}},
        "certificates": {"own": {"chain_file": str(folder / "chain.pem"), "key_file": str(folder / "key.pem")}},
    }


def test_haproxy_in_front_by_alpn(folder: Path, backend: Origin, tmp_path: Path, secure: dict[str, Any]) -> None:
    """In the clear: `test_http2_peers`."""
    log = tmp_path / "access.log"
    snapshot = forward_to(backend.port, chain=secure["chain"]) | {
        "certificates": secure["certificates"],
        "access_log": {"file": str(log), "format": "json"},
    }
    port = free_port()
    with live_proxy(snapshot) as running:
        config = tmp_path / "haproxy.cfg"
        config.write_text(HAPROXY_IN_FRONT.format(port=port, to=running.port, folder=folder))
        with server([program("haproxy"), "-db", "-f", str(config)], port, tmp_path / "haproxy.out"):
            carries_everything(f"http://127.0.0.1:{port}", folder / "upload", SIZE)
        running.terminate()
    assert set(re.findall(r'"protocol":"([^"]*)"', log.read_text())) == {"HTTP/2"}


@pytest.fixture(scope="module")
def fronts(folder: Path, secure: dict[str, Any]) -> Iterator[tuple[Service, dict[str, int]]]:
    """A service of gRPC, and where nginx is that passes calls to the proxy before it, in the clear and inside TLS."""
    with grpc_service() as (service, port):
        snapshot = forward_to(port, cluster={"protocol": "http2"})
        (chain,) = snapshot["listeners"]["web"]["filter_chains"]
        snapshot["listeners"]["tls"] = {"address": "127.0.0.1:0", "filter_chains": [chain | secure["chain"]]}
        snapshot["certificates"] = secure["certificates"]
        with live_proxy(snapshot) as running:
            ports = {"clear": free_port(), "TLS": free_port()}
            inner = running.ports()
            servers = NGINX_IN_FRONT.format(
                clear=inner["web"], tls=inner["tls"], front=ports["clear"], secure_front=ports["TLS"], folder=folder
            )
            at = folder / "front"
            at.mkdir()
            with nginx(at, "return 404;", servers):
                yield service, ports


@pytest.mark.parametrize("way", ["clear", "TLS"])
def test_calls_that_nginx_passes_on(fronts: tuple[Service, dict[str, int]], way: str) -> None:
    service, ports = fronts
    service.cancelled.clear()
    with calling_at(ports[way]) as caller:
        _all_shapes(caller)
        error = failure(lambda: caller.unary("Fail")(b"", timeout=CALL_PATIENCE))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no review of «Ulysses», 100 %")
        error = failure(lambda: list(caller.stream_out("Break")(b"half", timeout=CALL_PATIENCE)))
        assert error.code() is grpc.StatusCode.DATA_LOSS
        talk = caller.stream_out("Talk")(b"x", timeout=CALL_PATIENCE)
        assert next(talk) == b"x"
        talk.cancel()
        assert service.cancelled.wait(CALL_PATIENCE), "the service hears that its caller has left"


def _all_shapes(caller: Caller) -> None:
    sent = bytes(LARGE_MESSAGE)
    assert caller.unary("Get")(sent, timeout=CALL_PATIENCE) == sent
    assert list(caller.stream_out("List")(b"100", timeout=CALL_PATIENCE)) == [b"%d" % number for number in range(100)]
    assert caller.stream_in("Sum")(iter([b"1", b"2", b"39"]), timeout=CALL_PATIENCE) == b"42"
    assert list(caller.both("Chat")(iter([b"a", b"b"]), timeout=CALL_PATIENCE)) == [b"A", b"B"]
