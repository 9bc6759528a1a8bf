"""Several listening sockets as one."""

import select
import socket
from collections.abc import Callable
from typing import Final

import pytest

from hauberk_core.net.poller import Poller, SelectorPoller, new_poller
from hauberk_core.net.several_listening import SeveralListening
from hauberk_core.net.sockets import SocketListening
from hauberk_core.net.transport import Stream

SECONDS: Final = 60.0


def _readable(listening: SeveralListening) -> bool:
    return bool(select.select([listening.fileno()], [], [], 0)[0])


def _accept(listening: SeveralListening) -> Stream:
    assert select.select([listening.fileno()], [], [], SECONDS)[0]
    stream = listening.accept()
    assert stream is not None
    return stream


@pytest.mark.parametrize("make_poller", [new_poller, SelectorPoller])
def test_all_queues_are_emptied_in_turn(make_poller: Callable[[], Poller]) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    listening = SeveralListening([SocketListening(sock) for sock in sockets], make_poller())
    assert not _readable(listening)
    assert listening.accept() is None
    clients = [socket.create_connection(sock.getsockname()) for sock in sockets for _ in range(2)]
    streams = [_accept(listening) for _ in clients]
    # One busy socket must not keep the others waiting.
    assert len({stream.local_address() for stream in streams[:3]}) == 3
    assert listening.accept() is None
    assert not _readable(listening)
    assert listening.port() == sockets[0].getsockname()[1]
    listening.close()
    listening.close()
    for sock, client in zip(sockets, clients[::2], strict=True):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(client.getpeername())
        assert sock.fileno() == -1
    for client in clients:
        client.close()
    for stream in streams:
        stream.close()
