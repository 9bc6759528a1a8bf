"""No moment of a handshake, crossed by a change of the mode, the certificate or the trust, loses the request behind it.

As in `tests/sim/test_crossing.py`, a moment is a generator: the change happens at its `yield`. Here sockets and TLS are real, and
the client sends its flights one by one.
"""

import contextlib
import itertools
import socket
import ssl
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from mesh_authority import MeshAuthority, workload
from mesh_workers import Worker, World, client_context, mesh, serving
from recording_backend import RecordingBackend

from hauberk_core.model import Certificate, Snapshot, TransportConfig, WeightedCluster

REVIEWS: Final = workload("reviews")
GATEWAY: Final = workload("gateway")
_NUMBERS: Final = itertools.count(1)


class Client:
    """One connection of a client that does everything right, and the one request that it makes on it."""

    def __init__(
        self, world: World, worker: Worker, context: ssl.SSLContext | None, session: ssl.SSLSession | None = None
    ) -> None:
        """Args: context - None: it speaks plain."""
        self.path: Final = f"/{next(_NUMBERS)}"
        self.answer = b""
        self.ended = False
        self._world: Final = world
        self._worker: Final = worker
        self._socket: Final = socket.create_connection(("127.0.0.1", worker.port))
        self._socket.setblocking(False)
        self._incoming: Final = ssl.MemoryBIO()
        self._outgoing: Final = ssl.MemoryBIO()
        self._tls: Final = None if context is None else context.wrap_bio(self._incoming, self._outgoing, session=session)

    def close(self) -> None:
        self._socket.close()

    def is_accepted(self) -> None:
        """Wait for the proxy to have taken the connection."""
        self._world.until(lambda: self._worker.core.active() == 1)

    def is_let_go(self) -> None:
        """Wait for the proxy to have ended the connection."""
        self._world.until(lambda: self._worker.core.active() == 0)

    def is_read(self) -> None:
        """Let the proxy look at whatever was sent: on loopback it is there at once."""
        for _ in range(3):
            self._world.turn()

    def send(self, octets: bytes) -> None:
        """Send these, as they are."""
        assert self._socket.send(octets) == len(octets)

    def flight(self) -> bytes:
        """What TLS wants to send now."""
        self._shake()
        return self._outgoing.read()

    def hear_flight(self) -> None:
        """Wait for the proxy's part of the handshake, and send nothing."""
        self._world.until(lambda: self._read() and self._shake())

    def shake_hands(self) -> None:
        """Do all of the handshake, or what is left of it."""
        if self._tls is not None:
            self.send(self.flight())
            self.hear_flight()
            self.send(self._outgoing.read())

    def request(self) -> bytes:
        """The octets of the request."""
        octets = f"POST {self.path} HTTP/1.1\r\nHost: reviews\r\nContent-Length: 0\r\n\r\n".encode()
        if self._tls is None:
            return octets
        self._tls.write(octets)
        return self._outgoing.read()

    def ask(self) -> None:
        """Send the request."""
        self.send(self.request())

    def hear(self) -> None:
        """Wait for the answer, or for the connection's end."""
        self._world.until(lambda: bool(self._read() and self._take()))

    def session(self) -> ssl.SSLSession:
        """With which to come back, once the answer has come."""
        assert self._tls is not None
        assert self._tls.session is not None
        return self._tls.session

    def was_resumed(self) -> bool:
        """Whether no certificates were shown."""
        return self._tls is not None and bool(self._tls.session_reused)

    def _read(self) -> bool:
        """Take what has come. Returns: whether anything had."""
        try:
            octets = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            octets = b""
        self.ended = self.ended or not octets
        self._incoming.write(octets)
        return True

    def _shake(self) -> bool:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            assert not self.ended, "the proxy ended the handshake"
            return False
        return True

    def _take(self) -> bool:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.answer += self._incoming.read() if self._tls is None else self._tls.read(65536)
        return self.ended or b"\r\n\r\n" in self.answer


Moment = Callable[[Client], Generator[None]]


def accepted(client: Client) -> Generator[None]:
    client.is_accepted()
    yield
    client.shake_hands()
    client.ask()


def hello_half_sent(client: Client) -> Generator[None]:
    hello = client.flight()
    client.send(hello[: len(hello) // 2])
    client.is_accepted()
    client.is_read()
    yield
    client.is_read()
    client.send(hello[len(hello) // 2 :])
    client.hear_flight()
    client.send(client.flight())
    client.ask()


def hello_sent(client: Client) -> Generator[None]:
    client.is_accepted()
    client.send(client.flight())
    yield
    client.hear_flight()
    client.send(client.flight())
    client.ask()


def hello_answered(client: Client) -> Generator[None]:
    client.send(client.flight())
    client.hear_flight()
    yield
    client.is_read()
    client.send(client.flight())
    client.ask()


def finished_with_the_request(client: Client) -> Generator[None]:
    """All in one flight, which TLS 1.3 allows."""
    client.send(client.flight())
    client.hear_flight()
    client.send(client.flight() + client.request())
    yield


def finished(client: Client) -> Generator[None]:
    client.shake_hands()
    client.is_read()
    yield
    client.ask()


def request_on_its_way(client: Client) -> Generator[None]:
    client.shake_hands()
    client.is_accepted()
    client.is_read()
    client.ask()
    yield


def half_of_a_line(client: Client) -> Generator[None]:
    client.shake_hands()
    client.is_accepted()
    octets = client.request()
    client.send(octets[:4])
    client.is_read()
    yield
    client.is_read()
    client.send(octets[4:])


TLS_MOMENTS: Final[tuple[Moment, ...]] = (
    accepted,
    hello_half_sent,
    hello_sent,
    hello_answered,
    finished_with_the_request,
    finished,
    request_on_its_way,
    half_of_a_line,
)
PLAIN_MOMENTS: Final[tuple[Moment, ...]] = (accepted, finished, request_on_its_way, half_of_a_line)


class Changes:
    """What happens to the proxy of `reviews`, and back."""

    def __init__(self, worker: Worker, authority: MeshAuthority, backend: int, protocol: str) -> None:
        self._worker: Final = worker
        self._authority: Final = authority
        self._other: Final = MeshAuthority()
        self._backend: Final = backend
        self._protocol: Final = protocol

    def mode(self, mode: str, *identities: str, protocol: str = "") -> None:
        """Serve in this mode."""
        self._worker.follow(self._snapshot(mode, identities, protocol or self._protocol))

    def renewal(self) -> None:
        """Another certificate of the same workload."""
        self._worker.follow(identity=self._authority.issue(REVIEWS))

    def trust(self) -> None:
        """Another authority beside the one that there was."""
        self._worker.follow(trust=self._authority.trust_pem + self._other.trust_pem)

    def back(self, mode: str) -> None:
        """As it was."""
        self._worker.follow(self._snapshot(mode, (), self._protocol), trust=self._authority.trust_pem)

    def all_from(self, mode: str) -> list[Callable[[], None]]:
        """Each of them."""
        another = "detect" if self._protocol == "http" else "http"
        return [
            lambda: self.mode("strict" if mode == "permissive" else "permissive"),
            lambda: self.mode(mode, GATEWAY),
            lambda: self.mode("strict", GATEWAY, protocol=another),
            lambda: self.mode(mode, protocol=another),
            self.renewal,
            self.trust,
        ]

    def _snapshot(self, mode: str, identities: tuple[str, ...], protocol: str) -> Snapshot:
        snapshot = serving(self._backend, mesh(*identities, mode=mode))
        web = snapshot.listeners["web"]
        (chain,) = web.filter_chains
        if protocol == "detect":
            chain = msgspec.structs.replace(chain, protocol="detect", backends=(WeightedCluster(cluster="next"),))
        return msgspec.structs.replace(snapshot, listeners={"web": msgspec.structs.replace(web, filter_chains=(chain,))})


def cross(client: Client, moment: Moment, change: Callable[[], None], backend: RecordingBackend) -> None:
    """Let a change happen in a moment: the request has one answer, and its endpoint has seen it once."""
    going = moment(client)
    next(going)
    change()
    list(going)
    client.hear()
    assert client.answer.startswith(b"HTTP/1.1 200 "), f"{moment.__name__}: {client.answer!r}, ended: {client.ended}"
    assert [request.target for request in backend.requests()].count(client.path) == 1


@pytest.mark.parametrize(("mode", "protocol"), [("permissive", "detect"), ("strict", "http")])
def test_a_moment_of_a_handshake_crossed_by_each_change(
    mesh_world: World, backend: RecordingBackend, mode: str, protocol: str
) -> None:
    authority = mesh_world.authority
    worker = mesh_world.worker(authority.issue(REVIEWS))
    changes = Changes(worker, authority, backend.port, protocol)
    changes.back(mode)
    context = client_context(authority.issue(GATEWAY), authority.trust_pem)
    for speaks_tls, moments in ((True, TLS_MOMENTS), (False, PLAIN_MOMENTS)):
        if not speaks_tls and mode == "strict":
            continue
        for moment in moments:
            for change in changes.all_from(mode):
                with contextlib.closing(Client(mesh_world, worker, context if speaks_tls else None)) as client:
                    cross(client, moment, change, backend)
                client.is_let_go()
                changes.back(mode)


@pytest.mark.parametrize("protocol", ["http", "detect"])
@pytest.mark.parametrize("speaks_tls", [True, False])
def test_a_moment_of_a_handshake_when_the_process_drains(
    mesh_world: World, backend: RecordingBackend, speaks_tls: bool, protocol: str
) -> None:
    authority = mesh_world.authority
    context = client_context(authority.issue(GATEWAY), authority.trust_pem)
    for moment in TLS_MOMENTS if speaks_tls else PLAIN_MOMENTS:
        worker = mesh_world.worker(authority.issue(REVIEWS))
        Changes(worker, authority, backend.port, protocol).back("permissive")
        with contextlib.closing(Client(mesh_world, worker, context if speaks_tls else None)) as client:
            cross(client, moment, worker.core.drain, backend)
            # It ends behind the answer.
            client.is_let_go()


def test_a_session_that_comes_back_is_resumed_or_begun_anew(mesh_world: World, backend: RecordingBackend, tmp_path: Path) -> None:
    # Between proxies of the mesh there are no tickets.
    authority = mesh_world.authority
    worker = mesh_world.worker(authority.issue(REVIEWS))
    files = Certificate(chain_file=str(tmp_path / "chain.pem"), key_file=str(tmp_path / "key.pem"))

    def follow(handshake: float = 10.0, **settings: Any) -> None:
        secure = TransportConfig(security="tls", certificates=("site",), **settings)
        snapshot = serving(backend.port, secure, handshake=handshake)
        worker.follow(msgspec.structs.replace(snapshot, certificates={"site": files}))

    def renew() -> None:
        issued = authority.issue(REVIEWS)
        (tmp_path / "chain.pem").write_bytes(issued.chain)
        (tmp_path / "key.pem").write_bytes(issued.key)
        follow()

    renew()
    changes: tuple[Callable[[], None], ...] = (
        lambda: None,
        renew,
        lambda: follow(min_version="1.3"),
        lambda: follow(handshake=9.0),
    )
    context = client_context(None, authority.trust_pem)
    resumed: list[bool] = []
    for moment in (hello_half_sent, hello_sent, finished_with_the_request):
        for change in changes:
            follow()
            with contextlib.closing(Client(mesh_world, worker, context)) as first:
                cross(first, accepted, lambda: None, backend)
                session = first.session()
            first.is_let_go()
            with contextlib.closing(Client(mesh_world, worker, context, session)) as again:
                cross(again, moment, change, backend)
                resumed.append(again.was_resumed())
            again.is_let_go()
    assert resumed.count(True) >= len(resumed) // 2
