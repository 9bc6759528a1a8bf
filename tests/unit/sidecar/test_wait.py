"""Waiting for the sidecar of a pod ends when it is ready, and not for ever."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from hauberk_sidecar.wait import wait_ready


class _Ready(http.server.BaseHTTPRequestHandler):
    answers: list[int]

    def do_GET(self) -> None:
        assert self.path == "/healthz/ready"
        self.send_response(self.answers.pop(0))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Ready.answers = [503, 404, 200]
    with http.server.HTTPServer(("127.0.0.1", 0), _Ready) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_asks_until_the_proxy_is_ready(port: int) -> None:
    pauses: list[float] = []
    assert wait_ready(port, now=lambda: 0.0, sleep=pauses.append)
    assert len(pauses) == 2
    assert _Ready.answers == []


def test_it_gives_up() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Ready) as closed:
        port = closed.server_port
    times = iter((0.0, 5.0, 9.9, 10.0))
    pauses: list[float] = []
    assert not wait_ready(port, 10.0, now=lambda: next(times), sleep=pauses.append)
    assert len(pauses) == 2
