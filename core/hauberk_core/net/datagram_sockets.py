"""Datagrams over the kernel's UDP sockets.

A socket that is bound to every address learns with each datagram which one was meant, and answers from there: clients do not take
an answer from an address that they did not ask (RFC 1123 section 4.1.3.5).
"""

import errno
import os
import socket
import struct
import sys
from typing import Final

from hauberk_core.net.datagrams import LARGEST_DATAGRAM, DatagramListening, DatagramPath, DatagramSocket
from hauberk_core.net.socket_address import format_address

# From linux/in.h; Python names it since 3.14.
_PACKET_INFO: Final[int] = getattr(socket, "IP_PKTINFO", 8 if sys.platform == "linux" else -1)
_WANT_PACKET_INFO_6: Final[int] = getattr(socket, "IPV6_RECVPKTINFO", -1)
_PACKET_INFO_6: Final[int] = getattr(socket, "IPV6_PKTINFO", -1)
# struct in_pktinfo: interface, our address for answers, the address in the header; in6_pktinfo: address, interface.
_IN_PKTINFO: Final = struct.Struct("=I4s4s")
_IN6_PKTINFO: Final = struct.Struct("=16sI")
_ROOM_FOR_INFO: Final = socket.CMSG_SPACE(_IN6_PKTINFO.size) if hasattr(socket, "CMSG_SPACE") else 0
_EVERY_ADDRESS: Final = frozenset(("::", "0.0.0.0"))  # noqa: S104 - compared, not bound
# What send(2) says of one datagram, whose fate is that of one lost on the way: it is too long, or there is no room.
_LOST: Final = frozenset((errno.EAGAIN, errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM, errno.EINTR))


class SocketDatagrams(DatagramListening):
    """A bound UDP socket, made by the agent and inherited."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket: Final = sock
        self._is_6: Final[bool] = sock.family == socket.AF_INET6
        self._knows: Final[bool] = str(sock.getsockname()[0]) in _EVERY_ADDRESS and _ask_for_packet_info(sock)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> tuple[bytes, DatagramPath] | None:
        local = b""
        try:
            if self._knows:
                data, ancillary, _, address = self._socket.recvmsg(LARGEST_DATAGRAM, _ROOM_FOR_INFO)
                local = _local_of(ancillary)
            else:
                data, address = self._socket.recvfrom(LARGEST_DATAGRAM)
        except OSError:  # none is there, or what comes next is the news that an answer did not arrive
            return None
        if self._is_6:
            return data, (str(address[0]), int(address[1]), int(address[2]), int(address[3]), local)
        return data, (str(address[0]), int(address[1]), 0, 0, local)

    def send(self, data: bytes, path: DatagramPath) -> bool:
        host, port, flow, scope, local = path
        address: tuple[str, int] | tuple[str, int, int, int] = (host, port, flow, scope) if self._is_6 else (host, port)
        try:
            if local:
                self._socket.sendmsg((data,), (_packet_info(local),), 0, address)
            else:
                self._socket.sendto(data, address)
        except OSError:  # whatever it is, nobody but the client could do anything about it
            return False
        return True

    def local_address(self, path: DatagramPath) -> str:
        bound = self._socket.getsockname()
        local = path[4]
        if not local:
            return format_address(bound)
        return format_address((socket.inet_ntop(socket.AF_INET6 if len(local) == 16 else socket.AF_INET, local), bound[1]))

    def close(self) -> None:
        self._socket.close()


class ConnectedDatagrams(DatagramSocket):
    """A UDP socket with one peer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket: Final = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> bool:
        try:
            self._socket.send(data)
        except OSError as error:
            if error.errno in _LOST:
                return False
            raise
        return True

    def receive(self) -> bytes | None:
        try:
            return self._socket.recv(LARGEST_DATAGRAM)
        except BlockingIOError:
            return None

    def local_address(self) -> str:
        try:
            return format_address(self._socket.getsockname())
        except OSError:
            return "-"

    def close(self) -> None:
        self._socket.close()


def connected_datagrams(host: str, port: int, source: str) -> DatagramSocket:
    """A socket to a numeric address. Args: source - the address of this machine to send from; empty: any. Raises: OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if source:
            sock.bind((source, 0))
        error = sock.connect_ex((host, port))
        if error:
            raise OSError(error, os.strerror(error))
    except BaseException:
        sock.close()
        raise
    return ConnectedDatagrams(sock)


def _ask_for_packet_info(sock: socket.socket) -> bool:
    """Have the kernel tell with each datagram which address of ours it was sent to. Returns whether it will."""
    try:
        if sock.family == socket.AF_INET6 and _WANT_PACKET_INFO_6 >= 0:
            sock.setsockopt(socket.IPPROTO_IPV6, _WANT_PACKET_INFO_6, 1)
            return True
        if sock.family == socket.AF_INET and _PACKET_INFO >= 0:
            sock.setsockopt(socket.IPPROTO_IP, _PACKET_INFO, 1)
            return True
    except OSError:
        return False
    return False


def _local_of(ancillary: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, info in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == _PACKET_INFO_6 and len(info) >= _IN6_PKTINFO.size:
            return info[:16]
        if level == socket.IPPROTO_IP and kind == _PACKET_INFO and len(info) >= _IN_PKTINFO.size:
            return info[4:8]
    return b""


def _packet_info(local: bytes) -> tuple[int, int, bytes]:
    """Which address of ours a datagram is to come from."""
    if len(local) == 16:
        return socket.IPPROTO_IPV6, _PACKET_INFO_6, _IN6_PKTINFO.pack(local, 0)
    return socket.IPPROTO_IP, _PACKET_INFO, _IN_PKTINFO.pack(0, local, local)
