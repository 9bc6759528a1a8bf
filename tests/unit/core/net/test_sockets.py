"""Options of the kernel's sockets."""

import socket

import pytest

from hauberk_core.net.sockets import SocketTransport


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system calls the option otherwise")
def test_probes_of_a_silent_peer_are_as_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = SocketTransport().connect(*server.getsockname())
        with socket.socket(fileno=socket.dup(stream.fileno())) as sock:
            system = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
            stream.keep_alive(0, 30, 7)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            options = [
                sock.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPCNT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
            ]
            assert options == [system, 30, 7]
        stream.close()
