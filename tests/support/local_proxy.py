"""The core of a worker in the test's own process, on a real socket, in the clear or behind TLS."""

import concurrent.futures
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
import trustme

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import FilterChain, HttpTimeouts, Listener
from hauberk_core.model.reason import Reason
from hauberk_core.model.route import Redirect, Route, RouteTable, VirtualHost
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.clock import Clock
from hauberk_core.net.lenient_tls import lenient_security
from hauberk_core.net.loop import FaultLog, Loop
from hauberk_core.net.poller import new_poller
from hauberk_core.net.sockets import SocketListening, SocketTransport
from hauberk_core.net.tls_context import CertificateAndKey, SecureChain, listener_context
from hauberk_core.net.transport import Security
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.proxy.core import ProxyCore
from hauberk_core.proxy.other_codecs import OtherCodecs
from hauberk_core.proxy.update import ProxyUpdate
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.table import compile_table
from hauberk_core.upstream.resolver import NameWatcher, Resolver

PATIENCE_SECONDS: Final = 60.0
Result = TypeVar("Result")

AUTHORITY = trustme.CA()
REQUEST: Final = b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"


def issue(*names: str, authority: trustme.CA = AUTHORITY) -> CertificateAndKey:
    """A certificate for these names, with its key."""
    leaf = authority.issue_cert(*names)
    return b"".join(part.bytes() for part in leaf.cert_chain_pems), leaf.private_key_pem.bytes()


class NoNames(Resolver):
    """Nothing here has a name to look up."""

    def watch(self, name: str, watcher: NameWatcher) -> None:
        raise AssertionError(name)


class AheadClock(Clock):
    """The machine's, and ahead of it by what a test says: so nobody waits for a timeout, and none comes unasked."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead


class Faults(FaultLog):
    """Keeps what the loop reports."""

    def __init__(self) -> None:
        self.seen: list[Exception] = []

    def fault(self, where: str, error: Exception) -> None:
        self.seen.append(error)


class Chained:
    """A filter chain to be: every request on it is redirected to a host of its own, which tells the chains apart."""

    def __init__(
        self,
        target: str,
        *certificates: CertificateAndKey,
        names: tuple[str, ...] = (),
        trust: bytes = b"",
        min_version: str = "1.2",
        handshake: float = 10.0,
        idle: float = 300.0,
    ) -> None:
        transport = TransportConfig(security="tls", min_version="1.3" if min_version == "1.3" else "1.2")
        timeouts = HttpTimeouts(handshake=Duration(handshake), idle=Duration(idle))
        self.target = target
        self.config = FilterChain(route_table=target, server_names=names, transport=transport, timeouts=timeouts)
        self.secure = SecureChain(names, transport, certificates, trust)


class Proxy:
    """The core of a worker on a real socket. It runs while `during` waits for somebody else's work."""

    def __init__(self, lenient: bool = False) -> None:
        """Args: lenient - ask each client for a certificate of the authority, and take any client, by another implementation of
        TLS.
        """
        self._lenient = lenient
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rest
        create_cells(self._file.fileno())
        self.faults = Faults()
        self.clock = AheadClock()
        self.loop = Loop(self.clock, new_poller(), self.faults)
        self.meters = ProxyMeters(Cells(self._file.fileno()))
        self.core = ProxyCore(
            self.loop, SocketTransport(), self.meters, None, NoNames(), OtherCodecs(), lambda: 0.5, os.urandom, Waiting()
        )
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._listening = SocketListening(self._socket)
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self._configs: dict[str, FilterChain] = {}

    def serve(self, chains: Sequence[Chained], secure: bool = True) -> None:
        """Apply a configuration with these chains."""
        places = [("web", index) for index in range(len(chains))] if secure else []
        contexts: dict[tuple[str, int], ssl.SSLContext] = {}
        securities: dict[tuple[str, int], Security] = {}
        if self._lenient:
            securities = dict.fromkeys(places, lenient_security([_asking(chain.secure) for chain in chains]))
        elif secure:
            contexts = dict.fromkeys(places, listener_context([chain.secure for chain in chains]))
        configs = tuple([self._configs.setdefault(chain.target, chain.config) if secure else chain.config for chain in chains])
        self._apply(
            Listener(address="127.0.0.1:0", filter_chains=configs),
            {chain.target: _table(chain.target) for chain in chains},
            {},
            contexts,
            securities,
        )

    def pass_on(self, chains: Sequence[FilterChain], clusters: dict[str, Cluster], ends: Sequence[SecureChain]) -> None:
        """Apply a configuration whose connections pass. Args: ends - those of the chains that end TLS, in their order."""
        context = listener_context(ends) if ends else None
        secure = [("web", index) for index, chain in enumerate(chains) if chain.transport.security == "tls"]
        contexts = {} if context is None else dict.fromkeys(secure, context)
        self._apply(Listener(address="127.0.0.1:0", filter_chains=tuple(chains)), {}, clusters, contexts, {})

    def _apply(
        self,
        listener: Listener,
        tables: dict[str, CompiledTable],
        clusters: dict[str, Cluster],
        contexts: dict[tuple[str, int], ssl.SSLContext],
        securities: dict[tuple[str, int], Security],
    ) -> None:
        self.core.apply(
            ProxyUpdate(
                version="1",
                listeners={"web": (listener, self._listening)},
                route_tables=tables,
                clusters=clusters,
                server_contexts=contexts,
                client_contexts={},
                access_log=None,
                filters={},
                guards={},
                server_securities=securities,
                client_securities={},
                datagram_listeners={},
                shared_contexts={},
                shared_securities={},
            )
        )

    def turn(self) -> int:
        """One round of the loop."""
        events = self.loop.run_ready()
        self.loop.run_timers()
        return events

    def until(self, condition: Callable[[], bool]) -> None:
        """Run until something holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            if not self.turn():
                time.sleep(0.0002)

    def during(self, work: Callable[[], Result]) -> Result:
        """Run while `work` is done in a thread."""
        future = self._pool.submit(work)
        self.until(future.done)
        return future.result()

    def submit(self, work: Callable[[], Result]) -> "concurrent.futures.Future[Result]":
        """Begin `work` in a thread; run the loop until it is done."""
        return self._pool.submit(work)

    def counted(self) -> tuple[int, int, int, int]:
        """Connections opened, open now, failed handshakes, failed accepts."""
        view = self.meters.listener_meters("web")._view
        return view[0], view[1], view[2], view[3]

    def excused(self) -> int:
        """Connections of clients that should have shown a certificate, and were let in without."""
        return self.meters.listener_meters("web")._view[5]

    def refused(self, reason: Reason) -> int:
        """How many answers, and connections, were refused for it."""
        return self.meters._reasons[reason.code][0]

    def close(self) -> None:
        """End everything; nothing may be left, and nothing may have failed."""
        self._pool.shutdown(wait=True)
        self.core.drain()
        self.until(lambda: self.core.active() == 0)
        assert self.loop.descriptors() == 0
        self._socket.close()
        self._file.close()
        assert self.faults.seen == []


def _asking(chain: SecureChain) -> SecureChain:
    transport = msgspec.structs.replace(chain.transport, unproven_clients="take")
    return chain._replace(transport=transport, trust_pem=AUTHORITY.cert_pem.bytes())


def _table(target: str) -> CompiledTable:
    route = Route(name=target, redirect=Redirect(host=target))
    return compile_table(RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=(route,)),)))


def client_context(leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client that believes the authority, perhaps with a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    if leaf is not None:
        leaf.configure_cert(context)
    return context


def read_head(connection: socket.socket) -> bytes:
    """One response without a body. Raises: EOFError with what came before the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(4096)
        if not data:
            raise EOFError(head)
        head += data
    return head


def location(head: bytes) -> str:
    """The host that a redirect leads to: the chain's."""
    [line] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"location:")]
    return line.split(b"://")[1].split(b"/")[0].split(b":")[0].decode()


def ask(address: tuple[str, int], name: str | None, context: ssl.SSLContext) -> tuple[str, list[str]]:
    """Where a request is sent on a new connection, and the names of the certificate that was shown."""
    with (
        socket.create_connection(address, timeout=PATIENCE_SECONDS) as sock,
        context.wrap_socket(sock, server_hostname=name) as tls,
    ):
        tls.sendall(REQUEST)
        target = location(read_head(tls))
        certificate = tls.getpeercert() or {}
        return target, [str(entry[1]) for entry in certificate.get("subjectAltName", ())]


def arrived(sock: socket.socket) -> bool:
    """Whether there is something to read."""
    sock.setblocking(False)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        sock.settimeout(PATIENCE_SECONDS)
