"""Descriptors that a process is started with, and what else may be there."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from hauberk_core.agent.handover.inherited import Inherited, inherit
from hauberk_core.agent.handover.names import ADMIN, LISTENER, DescriptorName, tail_of
from hauberk_core.model.address import Address

NOWHERE: Final = Address("127.0.0.1", 0)


class Descriptors:
    """Makes descriptors for a process to inherit."""

    def __init__(self) -> None:
        self._stack: Final = ExitStack()

    def listening(self, host: str = "127.0.0.1") -> tuple[int, Address]:
        """A listening socket, and where it listens."""
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            return os.dup(sock.fileno()), Address(*sock.getsockname()[:2])

    def pipe(self) -> tuple[int, int]:
        """A reading end, which stays ours, and a writing end."""
        reading, writing = os.pipe()
        self._stack.callback(os.close, reading)
        return reading, writing

    def close(self) -> None:
        """Close what is ours."""
        self._stack.close()


@pytest.fixture
def descriptors() -> Iterator[Descriptors]:
    made = Descriptors()
    yield made
    made.close()


def _name(kind: str, number: int, key: str) -> str:
    return str(DescriptorName(kind, number, tail_of(key)))


def test_sockets_come_back_in_their_order_and_once(descriptors: Descriptors) -> None:
    (first, at_first), (second, at_second) = descriptors.listening(), descriptors.listening()
    names = [_name(LISTENER, 1, "web :0"), _name(LISTENER, 0, "web :0")]
    inherited = Inherited(list(zip(names, [second, first], strict=True)))
    taken = inherited.take(LISTENER, "web :0", NOWHERE)
    assert [sock.getsockname()[1] for sock in taken] == [at_first.port, at_second.port]
    assert not any(sock.get_inheritable() or sock.getblocking() for sock in taken)
    assert inherited.taken == set(names)
    assert inherited.take(LISTENER, "web :0", NOWHERE) == []
    for sock in taken:
        sock.close()


def test_kinds_and_keys_are_told_apart(descriptors: Descriptors) -> None:
    number, _ = descriptors.listening()
    inherited = Inherited([(_name(ADMIN, 0, "a:1"), number)])
    assert inherited.take(LISTENER, "a:1", NOWHERE) == []
    assert inherited.take(ADMIN, "b:1", NOWHERE) == []
    [sock] = inherited.take(ADMIN, "a:1", NOWHERE)
    sock.close()


def test_what_nobody_wants_is_closed(descriptors: Descriptors) -> None:
    number, address = descriptors.listening()
    inherited = Inherited([(_name(LISTENER, 0, "gone"), number)])
    inherited.close_sockets()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert inherited.take(LISTENER, "gone", NOWHERE) == []


def test_the_second_of_one_name_is_closed(descriptors: Descriptors) -> None:
    (first, at_first), (second, at_second) = descriptors.listening(), descriptors.listening()
    inherited = Inherited([(_name(LISTENER, 0, "web"), first), (_name(LISTENER, 0, "web"), second)])
    [sock] = inherited.take(LISTENER, "web", NOWHERE)
    assert sock.getsockname()[1] == at_first.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(at_second)
    sock.close()


@pytest.mark.parametrize("name", ["listener/0/web", "whatever"])
def test_what_does_not_listen_is_closed(descriptors: Descriptors, name: str) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
    silent = socket.socket().detach()
    local = socket.socket(socket.AF_UNIX).detach()
    _, pipe = descriptors.pipe()
    inherited = Inherited([(name, number) for number in (datagrams, silent, local, pipe)])
    assert inherited.take(LISTENER, "web", NOWHERE) == []
    for number in (datagrams, silent, local, pipe):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


def test_lifelines_are_held_until_they_are_cut(descriptors: Descriptors) -> None:
    reading, writing = descriptors.pipe()
    inherited = Inherited([("workers/0/abc", writing)])
    os.set_blocking(reading, False)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    inherited.cut_lifelines()
    assert os.read(reading, 1) == b""


@pytest.mark.parametrize(("host", "wanted"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "")])
def test_a_socket_unit_may_call_its_sockets_anything(descriptors: Descriptors, host: str, wanted: str) -> None:
    number, address = descriptors.listening(host)
    inherited = Inherited([("http", number)])
    assert inherited.take(LISTENER, "other", Address("127.0.0.2", address.port)) == []
    assert inherited.take(LISTENER, "other", NOWHERE) == []
    [sock] = inherited.take(LISTENER, "web", Address(wanted, address.port))
    assert (sock.getsockname()[1], inherited.names) == (address.port, [])
    sock.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "99999999999999999999"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0", "LISTEN_FDNAMES": "listener/0/web"},
        {"LISTEN_PID": str(os.getpid())},
    ],
)
def test_variables_that_are_not_meant_for_us_are_removed_and_nothing_is_taken(environ: dict[str, str]) -> None:
    assert inherit(environ).names == []
    assert environ == {}


def test_a_process_takes_what_it_was_started_with() -> None:
    script = """
import os, socket
from hauberk_core.agent.handover.inherited import inherit
from hauberk_core.model.address import Address
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "4", "LISTEN_FDNAMES": "listener/0/web:listener/1/web"}
given = socket.create_server(("127.0.0.1", 0))
for number in (3, 4, 5):
    os.dup2(given.fileno(), number)
try:
    os.close(6)
except OSError:
    pass
inherited = inherit(os.environ)
web = inherited.take("listener", "web", Address("", 1))
strangers = inherited.take("listener", "other", Address("127.0.0.1", given.getsockname()[1]))
print(len(web), len(strangers), "LISTEN_PID" in os.environ)
"""
    # The test's own descriptors stay away: the numbers from 3 on are free in the new process.
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "2 1 False\n", ended.stderr
