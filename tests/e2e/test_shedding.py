"""A real proxy that is asked for more than it serves at a time refuses the rest: 503, with the reason, and when to come back."""

import contextlib
import http.client
import threading
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from admin_metric import metric
from dozing_plugin import install_dozing
from lasting_backend import lasting_backend
from lasting_clients import Http2
from live_proxy import PATIENCE, forward_to, live_proxy, wait_until
from origin import origin
from programs import free_port

pytestmark = pytest.mark.e2e

STREAMS: Final = 3


class Answer(NamedTuple):
    """What matters of one."""

    status: int
    reason: str | None
    retry_after: str | None
    told: bytes
    """The body's last line, where the proxy speaks."""


SERVED: Final = Answer(200, None, None, b"")
TOO_SLOW: Final = Answer(503, "overloaded", "1", b"overloaded: requests wait longer than 0.05 s before they are looked at")


class Askers:
    """Clients that ask, one request after the other, each on a connection of its own, until told to stop."""

    def __init__(self, port: int, clients: int) -> None:
        self.answers: Final[Counter[Answer]] = Counter()
        self._port: Final = port
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        self._threads: Final = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> "Askers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            with contextlib.closing(connection):
                connection.request("GET", "/")
                answer = connection.getresponse()
                reason = answer.headers.get("hauberk-reason")
                told = answer.read().splitlines()[-1] if reason else b""
            with self._lock:
                self.answers[Answer(answer.status, reason, answer.headers.get("retry-after"), told)] += 1


def test_requests_that_the_loop_keeps_waiting_are_shed(tmp_path: Path) -> None:
    install_dozing(tmp_path)
    admin = free_port()
    environment = {"PYTHONPATH": str(tmp_path), "HAUBERK_DELAY_LIMIT": "50ms"}
    options = ("--admin", f"127.0.0.1:{admin}")
    with origin() as books:
        snapshot = forward_to(books.port, chain={"plugins": [{"plugin": "dozing", "config": {"seconds": 0.2}}]})
        with live_proxy(snapshot, options=options, environment=environment) as proxy:
            with Askers(proxy.port, 2) as askers:
                # The part that is shed grows for as long as requests wait: sooner or later each of two happens.
                wait_until(lambda: min(askers.answers[SERVED], askers.answers[TOO_SLOW]) > 0, lambda: str(askers.answers))
            assert set(askers.answers) == {SERVED, TOO_SLOW}
            assert metric(admin, 'hauberk_overload_shed_total{resource="loop_delay"}') == askers.answers[TOO_SLOW]


def test_requests_over_http2_above_the_limit_are_refused_and_cost_nobody_theirs() -> None:
    admin = free_port()
    environment = {"HAUBERK_STREAM_LIMIT": str(STREAMS)}
    options = ("--admin", f"127.0.0.1:{admin}")
    with lasting_backend() as backend, live_proxy(forward_to(backend.port), 1, options, environment) as proxy:
        first, second = Http2(proxy.port), Http2(proxy.port)
        with contextlib.closing(first), contextlib.closing(second):
            lasting = [first.ask("/lasting") for _ in range(STREAMS)]
            for stream in lasting:
                first.await_body(stream, b"begun")
            # The limit is the worker's, not that of a connection.
            for client in (first, second):
                refused = client.ask("/")
                fields = client.await_head(refused).headers
                status, body = client.finish(refused)
                assert (status, fields.get("hauberk-reason"), fields.get("retry-after")) == (503, "overloaded", "1")
                assert b"overloaded: 3 requests are under way over HTTP/2" in body
            assert metric(admin, 'hauberk_overload_shed_total{resource="streams"}') == 2
            backend.finish()
            assert [first.finish(stream) for stream in lasting] == [(200, b"begunended")] * STREAMS
            assert second.finish(second.ask("/")) == (200, b"ok")
