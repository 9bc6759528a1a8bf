"""Datagrams over the kernel: from whom, to which address, answered from there."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from hauberk_core.net.datagram_sockets import SocketDatagrams, connected_datagrams
from hauberk_core.net.datagrams import DatagramPath, DatagramSocket, peer_address, peer_host
from hauberk_core.net.poller import READ, new_poller
from hauberk_core.net.several_datagrams import SeveralDatagrams

PATIENCE = 30.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(stack: ExitStack, host: str, family: socket.AddressFamily = socket.AF_INET) -> tuple[SocketDatagrams, int]:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, 0))
    listening = SocketDatagrams(sock)
    stack.callback(listening.close)
    return listening, int(sock.getsockname()[1])


def peer(stack: ExitStack, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    sock.settimeout(PATIENCE)
    return sock


def receive(listening: SocketDatagrams | SeveralDatagrams) -> tuple[bytes, DatagramPath]:
    poller = new_poller()
    poller.register(listening.fileno(), READ)
    received = None
    while received is None:
        poller.poll()
        received = listening.receive()
    poller.close()
    return received


@pytest.mark.parametrize(
    ("bind", "family", "to", "from_family"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1", socket.AF_INET),
        ("0.0.0.0", socket.AF_INET, "127.0.0.2", socket.AF_INET),
        ("::", socket.AF_INET6, "127.0.0.2", socket.AF_INET),
        ("::", socket.AF_INET6, "::1", socket.AF_INET6),
    ],
)
def test_an_answer_comes_from_the_address_that_was_asked(
    stack: ExitStack, bind: str, family: socket.AddressFamily, to: str, from_family: socket.AddressFamily
) -> None:
    listening, port = bound(stack, bind, family)
    client = peer(stack, from_family)
    # A connected socket takes answers from that address alone.
    client.connect((to, port))
    client.send(b"who?")
    data, path = receive(listening)
    assert data == b"who?"
    host, own = client.getsockname()[:2]
    assert (peer_host(path), path[1]) == (host, own)
    assert peer_address(path) == (f"[{host}]:{own}" if ":" in host else f"{host}:{own}")
    assert listening.local_address(path) == (f"[{to}]:{port}" if ":" in to else f"{to}:{port}")
    assert listening.send(b"you", path)
    assert client.recv(100) == b"you"


def test_the_largest_and_the_empty_datagram_pass_and_what_is_too_long_is_lost(stack: ExitStack) -> None:
    listening, port = bound(stack, "127.0.0.1")
    sock = connected_datagrams("127.0.0.1", port, "127.0.0.3")
    stack.callback(sock.close)
    largest = bytes(65_507)
    assert sock.send(largest)
    assert sock.send(b"")
    assert not sock.send(largest + b"!")
    data, path = receive(listening)
    assert data == largest
    assert peer_host(path) == "127.0.0.3"
    assert sock.local_address() == peer_address(path)
    assert receive(listening)[0] == b""
    assert listening.receive() is None
    assert not listening.send(largest + b"!", path)


def test_a_connected_socket_tells_that_nobody_is_there(stack: ExitStack) -> None:
    port = peer(stack)
    port.bind(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    sock = connected_datagrams("127.0.0.1", number, "")
    stack.callback(sock.close)
    assert sock.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        _receive_something(sock)


def _receive_something(sock: DatagramSocket) -> bytes:
    while (data := sock.receive()) is None:
        pass
    return data


def test_several_sockets_are_received_from_as_one(stack: ExitStack) -> None:
    made = [bound(stack, "127.0.0.1") for _ in range(3)]
    several = SeveralDatagrams([listening for listening, _ in made], new_poller())
    stack.callback(several.close)
    client = peer(stack)
    for _, port in made:
        client.sendto(str(port).encode(), ("127.0.0.1", port))
    paths = [receive(several) for _ in made]
    assert {data for data, _ in paths} == {str(port).encode() for _, port in made}
    assert several.receive() is None
    assert several.send(b"answer", paths[0][1])
    assert client.recv(100) == b"answer"
