"""Streams over the kernel's TCP sockets, in the clear."""

import errno
import os
import socket
import struct
import sys
from typing import Final

from hauberk_core.net.conduit import Conduit
from hauberk_core.net.datagram_sockets import connected_datagrams
from hauberk_core.net.datagrams import DatagramSocket
from hauberk_core.net.socket_address import format_address
from hauberk_core.net.splice import splice_between
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_WRITE, Listening, Stream, Transport

# Absent on some systems, which then go by their own. macOS has the second under another name.
_KEEP_COUNT: Final[int] = getattr(socket, "TCP_KEEPCNT", -1)
_KEEP_IDLE: Final[int] = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", -1))
_KEEP_INTERVAL: Final[int] = getattr(socket, "TCP_KEEPINTVL", -1)
# From linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: both have this number.
_ORIGINAL_DESTINATION: Final = 80
# struct sockaddr_in and sockaddr_in6, as far as they are of interest.
_SOCKADDR_IN: Final = struct.Struct("!2sH4s8x")
_SOCKADDR_IN6: Final = struct.Struct("!2sH4x16s4x")
# With a given source address a port would be taken at once, and then be free for one destination only: 28,000 in all.
_BIND_WITHOUT_PORT: Final[int] = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24 if sys.platform == "linux" else -1)
_CONNECTING: Final = frozenset({errno.EINPROGRESS, errno.EAGAIN, errno.EALREADY, errno.EINTR})
LINGER_ZERO: Final = struct.pack("ii", 1, 0)
# Errors of one connection that accept(2) passes on (its manual page asks to treat them like "try again").
_ACCEPT_AGAIN: Final = frozenset(
    {
        errno.EAGAIN,
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.ENONET if hasattr(errno, "ENONET") else errno.EPROTO,
        errno.EPERM,
        errno.EINTR,
    }
)


class SocketStream(Stream):
    """A TCP connection."""

    __slots__ = ("_closed", "_connecting", "_local", "_peer", "_server_name", "socket")

    def __init__(self, sock: socket.socket, connecting: bool, peer: str) -> None:
        self.socket: Final = sock
        self._connecting = connecting
        self._closed = False
        self._peer = peer
        self._local = ""
        self._server_name = ""

    def fileno(self) -> int:
        return self.socket.fileno()

    def handshake(self) -> int:
        if self._connecting:
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            try:
                self.socket.getpeername()
            except OSError as problem:
                if problem.errno == errno.ENOTCONN:
                    return HANDSHAKE_WANTS_WRITE
                raise
            self._connecting = False
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        try:
            return self.socket.recv(size)
        except BlockingIOError:
            return None

    def peek(self, size: int) -> bytes | None:
        try:
            return self.socket.recv(size, socket.MSG_PEEK)
        except BlockingIOError:
            return None

    def wake_at(self, size: int) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)

    def send(self, data: bytes) -> int:
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0

    def conduit_to(self, sink: Stream) -> Conduit | None:
        return splice_between(self.fileno(), sink.fileno()) if isinstance(sink, SocketStream) else None

    def shutdown_write(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def keep_alive(self, probes: int, idle: int, interval: int) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in ((_KEEP_COUNT, probes), (_KEEP_IDLE, idle), (_KEEP_INTERVAL, interval)):
                if value > 0 and option >= 0:
                    self.socket.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError:  # some systems refuse options of a connection that has failed already, which is told elsewhere
            return

    def reset_on_close(self) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        except OSError:
            return

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self.socket.close()
            except OSError:  # close(2) reports errors of earlier writes; the descriptor is gone all the same
                return

    def original_destination(self) -> tuple[str, int]:
        try:
            sockname = self.socket.getsockname()
            host = str(sockname[0])
            port = int(sockname[1])
            if ":" not in host or host.startswith("::ffff:"):
                return _original_of_4(self.socket, host.removeprefix("::ffff:"), port)
            return _original_of_6(self.socket, host, port)
        except OSError:
            return "", 0

    def server_name(self) -> str:
        return self._server_name

    def note_server_name(self, name: str) -> None:
        self._server_name = name

    def note_addresses(self, peer: str, local: str) -> None:
        self._peer = peer
        self._local = local

    def local_address(self) -> str:
        if not self._local:
            try:
                self._local = format_address(self.socket.getsockname())
            except OSError:
                self._local = "-"
        return self._local

    def peer_address(self) -> str:
        return self._peer


class SocketListening(Listening):
    """A listening TCP socket, made by the agent and inherited."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket: Final = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> Stream | None:
        try:
            sock, address = self._socket.accept()
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _ACCEPT_AGAIN:
                return None
            raise
        sock.setblocking(False)
        try:
            _set_nodelay(sock)
        except OSError:  # some systems refuse options of a connection that its peer has already reset
            sock.close()
            return None
        return SocketStream(sock, False, format_address(address))

    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


class SocketTransport(Transport):
    """Connections through the kernel."""

    def connect(self, host: str, port: int, source: str = "") -> Stream:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            _set_nodelay(sock)
            if source:
                if _BIND_WITHOUT_PORT >= 0:
                    sock.setsockopt(socket.IPPROTO_IP, _BIND_WITHOUT_PORT, 1)
                sock.bind((source, 0))
            error = sock.connect_ex((host, port))
            if error and error not in _CONNECTING:
                raise OSError(error, os.strerror(error))
        except BaseException:
            sock.close()
            raise
        peer = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        return SocketStream(sock, True, peer)

    def open_datagrams(self, host: str, port: int, source: str = "") -> DatagramSocket:
        return connected_datagrams(host, port, source)


def _original_of_4(sock: socket.socket, host: str, port: int) -> tuple[str, int]:
    try:
        raw = sock.getsockopt(socket.IPPROTO_IP, _ORIGINAL_DESTINATION, _SOCKADDR_IN.size)
    except OSError:  # nobody keeps account of connections here, so that nobody led this one
        return host, port
    _, original_port, original_host = _SOCKADDR_IN.unpack(raw)
    return socket.inet_ntop(socket.AF_INET, original_host), original_port


def _original_of_6(sock: socket.socket, host: str, port: int) -> tuple[str, int]:
    try:
        raw = sock.getsockopt(socket.IPPROTO_IPV6, _ORIGINAL_DESTINATION, _SOCKADDR_IN6.size)
    except OSError:
        return host, port
    _, original_port, original_host = _SOCKADDR_IN6.unpack(raw)
    return socket.inet_ntop(socket.AF_INET6, original_host), original_port


def _set_nodelay(sock: socket.socket) -> None:
    # Heads and small bodies must not wait for an acknowledgement (RFC 896's algorithm); bulk is written in large pieces anyway.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
