"""What a mesh's proxies show on the wire: certificates, as seen by peers that are no proxies of ours.

Both peers here have certificates that the mesh's own authority signed, made from its folder as the machine's owner could.
"""

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509

from hauberk_control.ca.authority import LONGEST_VALIDITY, Authority
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.identity import SpiffeId
from hauberk_core.net.pem import load_certificate

_PATIENCE_SECONDS: Final = 60.0


class Shown(NamedTuple):
    """A certificate that a proxy showed, and when, by the wall clock."""

    seen: dt.datetime
    names: tuple[str, ...]
    serial: int
    not_before: dt.datetime
    not_after: dt.datetime

    def was_valid(self) -> bool:
        """Whether its time had come, and had not passed."""
        return self.not_before <= self.seen <= self.not_after


def read_shown(der: bytes, seen: dt.datetime) -> Shown:
    """Read a certificate as TLS gives it."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
    return Shown(seen, uris, certificate.serial_number, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def peer_context(mesh: Path, purpose: ssl._SSLMethod, service_account: str) -> ssl.SSLContext:
    """Python's own TLS, TLS 1.3 only, with a certificate of a day for `service_account`, which asks the peer for one too."""
    authority = Authority(mesh / ".hauberk" / "ca", "cluster.local")
    key = make_key()
    identity = SpiffeId("cluster.local", "default", service_account)
    issued = authority.sign_workload(key.public_key(), identity, LONGEST_VALIDITY)
    context = ssl.SSLContext(purpose)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.trust_pem().decode())
    load_certificate(context, "".join(issued.chain).encode(), write_key(key))
    return context


class HeldConnection:
    """One connection to a proxy's mesh address, kept for many requests."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        """Connect. Raises: OSError."""
        plain = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self._sock: Final = context.wrap_socket(plain)
        self._rest = b""
        self.shown: Final = read_shown(self._sock.getpeercert(True) or b"", _now())

    def ask(self, host: str, path: str) -> int:
        """Send a request and read the whole answer. Returns: its status. Raises: OSError, EOFError."""
        self._sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = self._read_to(b"\r\n\r\n").decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split()[0])
        while len(self._rest) < length:
            self._receive()
        self._rest = self._rest[length:]
        return int(head.split()[1])

    def close(self) -> None:
        """End it."""
        self._sock.close()

    def _read_to(self, end: bytes) -> bytes:
        while end not in self._rest:
            self._receive()
        found, _, self._rest = self._rest.partition(end)
        return found

    def _receive(self) -> None:
        data = self._sock.recv(65536)
        if not data:
            raise EOFError("the connection ended")
        self._rest += data


def shown_by(context: ssl.SSLContext, port: int) -> Shown:
    """The certificate that a proxy shows on a new connection. Raises: OSError."""
    connection = HeldConnection(context, port)
    connection.close()
    return connection.shown


class Witness:
    """A workload without a sidecar of ours that takes the mesh's TLS itself, and writes down who called."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context: Final = context
        self._listener: Final = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        self._callers: Final[list[Shown]] = []
        self._problems: Final[list[str]] = []
        self._thread: Final = threading.Thread(target=self._serve)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def callers(self) -> list[Shown]:
        """The certificate of each connection so far."""
        with self._lock:
            return list(self._callers)

    def problems(self) -> list[str]:
        """Connections that did not come to a handshake."""
        with self._lock:
            return list(self._problems)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """End. Nothing may be under way."""
        self._stop.set()
        # `close` alone would leave `accept` waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(plain,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        """One connection, one answer: so that each request is made on another connection."""
        plain.settimeout(_PATIENCE_SECONDS)
        try:
            with self._context.wrap_socket(plain, server_side=True) as tls:
                shown = read_shown(tls.getpeercert(True) or b"", _now())
                with self._lock:
                    self._callers.append(shown)
                request = b""
                while b"\r\n\r\n" not in request:
                    data = tls.recv(4096)
                    if not data:
                        return
                    request += data
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nseen")
        except OSError as error:
            with self._lock:
                self._problems.append(repr(error))


@contextlib.contextmanager
def witness(mesh: Path, service: str = "witness") -> Iterator[Witness]:
    """A witness as a service of the mesh, until the end of the block: its files are written into the folder."""
    made = Witness(peer_context(mesh, ssl.PROTOCOL_TLS_SERVER, service))
    entry = f"""\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {service}}}
spec: {{address: 127.0.0.1, ports: {{"9080": {made.port}}}, labels: {{app: {service}}}, serviceAccount: {service}}}
"""
    made.start()
    try:
        (mesh / f"{service}-entry.yaml").write_text(entry)
        yield made
    finally:
        made.close()


class Watch:
    """Looks again and again at the certificates that proxies show, by connecting as a peer would."""

    def __init__(self, context: ssl.SSLContext, ports: dict[str, int], pause: float = 0.25) -> None:
        """Begin. Args: ports - mesh addresses, by the proxies' names."""
        self._context: Final = context
        self._ports: Final = ports
        self._pause: Final = pause
        self._stop: Final = threading.Event()
        self.seen: Final[dict[str, list[Shown]]] = {name: [] for name in ports}
        self.problems: Final[list[str]] = []
        self._thread: Final = threading.Thread(target=self._look)
        self._thread.start()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE_SECONDS * (len(self._ports) + 1))

    def _look(self) -> None:
        while not self._stop.is_set():
            for name, port in self._ports.items():
                try:
                    self.seen[name].append(shown_by(self._context, port))
                except OSError as error:
                    self.problems.append(f"{name} at {time.strftime('%X')}: {error!r}")
            self._stop.wait(self._pause)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
