"""The prober beside a server of a few lines."""

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.cluster.cluster import BenchFailed
from bench.cluster.prober import Prober


class _Server:
    """Answers request after request with what it was given, and closes the connection where that is empty."""

    def __init__(self, answers: list[bytes]) -> None:
        self.connections = 0
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while connection.recv(65536):
                    answer = next(self._answers, b"")
                    if not answer:
                        break
                    connection.sendall(answer)


@pytest.fixture
def servers() -> Iterator[list[_Server]]:
    made: list[_Server] = []
    yield made
    for server in made:
        server.close()


def _answer(mark: str, body: bytes = b"", more: str = "") -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: http://{mark}/\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_one_connection_asks_until_the_mark_is_there(servers: list[_Server]) -> None:
    servers.append(_Server([_answer("old"), _answer("old", b"with a body"), _answer("new")]))
    with Prober("127.0.0.1", servers[0].port, "host") as prober:
        prober.wait_for(b"http://new/", 30)
        assert prober.asked == 3
    assert servers[0].connections == 1


def test_a_mark_in_a_body_is_none(servers: list[_Server]) -> None:
    servers.append(_Server([_answer("old", b"http://new/"), _answer("new")]))
    with Prober("127.0.0.1", servers[0].port, "host") as prober:
        prober.wait_for(b"http://new/", 30)
        assert prober.asked == 2


@pytest.mark.parametrize("ending", [b"", _answer("old", more="Connection: close\r\n"), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_connection_that_ends_is_made_anew(ending: bytes, servers: list[_Server]) -> None:
    servers.append(_Server([_answer("old"), ending, _answer("new")]))
    with Prober("127.0.0.1", servers[0].port, "host") as prober:
        prober.wait_for(b"http://new/", 30)
    assert servers[0].connections == 2


def test_what_never_comes_is_a_failure_that_shows_the_last_answer(servers: list[_Server]) -> None:
    servers.append(_Server([_answer("old")] * 1000))
    with Prober("127.0.0.1", servers[0].port, "host") as prober, pytest.raises(BenchFailed, match="http://old/"):
        prober.wait_for(b"http://new/", 0.01)
