"""One port whose connections are divided by the server name: some pass, some end TLS here; real sockets, real TLS."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator

import pytest
from local_proxy import AUTHORITY, Proxy, client_context, issue

from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.listener import FilterChain
from hauberk_core.model.reason import Reason
from hauberk_core.model.route import WeightedCluster
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.by_name import ByNameSecurity
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.tls_context import SecureChain
from hauberk_core.net.transport import Security, Stream

OWN = TransportConfig(security="tls", alpn=())


class Shout(socketserver.BaseRequestHandler):
    """Sends back in capitals what it is sent first."""

    def handle(self) -> None:
        data = self.request.recv(100)
        self.request.sendall(data.upper())


class Server(socketserver.ThreadingTCPServer):
    """A backend, in the clear or inside TLS of its own."""

    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Shout)
        self._context = context

    def get_request(self) -> tuple[socket.socket, object]:
        sock, address = super().get_request()
        if self._context is not None:
            sock.settimeout(60)
            sock = self._context.wrap_socket(sock, server_side=True)
        return sock, address

    def cluster(self) -> Cluster:
        """Of this backend alone."""
        return Cluster(endpoints=(Endpoint(address=f"127.0.0.1:{self.server_address[1]}"),))


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("inside.pass.test").configure_cert(context)
    made = Proxy()
    with serving(Server(context)) as inside, serving(Server(None)) as plain:
        chains = [
            FilterChain(protocol="tls", server_names=("*.pass.test",), backends=(WeightedCluster(cluster="inside"),)),
            FilterChain(protocol="tcp", server_names=("end.test",), backends=(WeightedCluster(cluster="plain"),), transport=OWN),
            FilterChain(protocol="tls", server_names=("nowhere.pass.test",)),
        ]
        clusters = {"inside": inside.cluster(), "plain": plain.cluster()}
        made.pass_on(chains, clusters, [SecureChain(("end.test",), OWN, (issue("end.test"),), b"")])
        yield made
        made.close()


def converse(proxy: Proxy, name: str) -> tuple[bytes, str]:
    """What a client is answered that asks for `name`, and whose certificate it saw."""

    def work() -> tuple[bytes, str]:
        with (
            socket.create_connection(proxy.address, timeout=60) as sock,
            client_context().wrap_socket(sock, server_hostname=name) as tls,
        ):
            tls.sendall(b"hello")
            shown = tls.getpeercert() or {}
            return tls.recv(100), str(shown["subjectAltName"][0][1])

    return proxy.during(work)


def test_what_passes_is_opened_by_the_backend(proxy: Proxy) -> None:
    assert converse(proxy, "inside.pass.test") == (b"HELLO", "inside.pass.test")


def test_what_ends_here_reaches_its_backend_in_the_clear(proxy: Proxy) -> None:
    assert converse(proxy, "end.test") == (b"HELLO", "end.test")


@pytest.mark.parametrize("name", ["other.test", "nowhere.pass.test"])
def test_a_name_that_leads_nowhere_is_refused_before_anything_is_answered(proxy: Proxy, name: str) -> None:
    def work() -> None:
        with socket.create_connection(proxy.address, timeout=60) as sock:
            client_context().wrap_socket(sock, server_hostname=name)

    with pytest.raises(ConnectionResetError):
        proxy.during(work)
    reason = Reason.NO_LISTENER if name == "other.test" else Reason.NO_BACKEND
    assert proxy.refused(reason) == 1


def test_whoever_does_not_begin_tls_is_reset(proxy: Proxy) -> None:
    def work() -> bytes:
        with socket.create_connection(proxy.address, timeout=60) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: end.test\r\n\r\n")
            return sock.recv(100)

    with pytest.raises(ConnectionResetError):
        proxy.during(work)
    assert proxy.counted()[2] == 1


def test_a_hello_may_come_in_crumbs(proxy: Proxy) -> None:
    context = client_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="inside.pass.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()

    def work() -> bytes:
        with socket.create_connection(proxy.address, timeout=60) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(hello), 7):
                sock.sendall(hello[start : start + 7])
            return sock.recv(5)

    assert proxy.during(work)[:2] == b"\x16\x03"


def test_open_connections_are_held_to_the_tls_that_is_asked_for_now() -> None:
    class Keeping(Security):
        def keeps(self, stream: Stream) -> bool:
            return stream is kept

    kept, other = Stream(), Stream()
    security = ByNameSecurity(ServerNames([("a.test",)]), [True], Keeping())
    assert [security.keeps(kept), security.keeps(other)] == [True, False]
    assert not ByNameSecurity(ServerNames([("a.test",)]), [True], None).keeps(kept)
