"""UDP through a real proxy, whose processes are killed and replaced meanwhile."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from endurance import lasting
from kept_proxy import kept_proxy
from live_proxy import PATIENCE, JsonObject, LiveProxy

pytestmark = pytest.mark.e2e

REPLACEMENTS: Final = int(lasting(30, 1))


@contextmanager
def echo() -> Iterator[int]:
    """An endpoint of UDP that answers each datagram with itself; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()

        def answer() -> None:
            while True:
                data, sender = sock.recvfrom(65_536)
                if data == b"end" and sender == end.getsockname():
                    return
                sock.sendto(data, sender)

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=answer)
            thread.start()
            try:
                yield int(address[1])
            finally:
                end.sendto(b"end", address)
                thread.join(PATIENCE)


def snapshot(port: int) -> JsonObject:
    return {
        "listeners": {"dns": {"address": "127.0.0.1:0", "datagrams": {"backends": [{"cluster": "echo"}]}}},
        "clusters": {"echo": {"endpoints": [{"address": f"127.0.0.1:{port}"}]}},
        "access_log": None,
    }


def ask(client: socket.socket, data: bytes) -> bytes:
    client.send(data)
    return client.recv(65_536)


def client_of(port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(PATIENCE)
    client.connect(("127.0.0.1", port))
    return client


def test_what_waits_for_a_worker_that_is_killed_is_served_by_the_next(tmp_path: Path) -> None:
    with echo() as port:
        proxy = LiveProxy(tmp_path, snapshot(port))
        try:
            with client_of(proxy.ports()["dns"]) as client, client_of(proxy.ports()["dns"]) as other:
                assert ask(client, b"before") == b"before"
                [worker] = proxy.workers()
                os.kill(worker, signal.SIGSTOP)
                client.send(b"while it hangs")
                other.send(b"as well")
                os.kill(worker, signal.SIGKILL)
                assert (client.recv(100), other.recv(100)) == (b"while it hangs", b"as well")
                assert ask(client, b"after") == b"after"
        finally:
            proxy.end()


@pytest.mark.endure
def test_replaced_agents_lose_no_datagram() -> None:
    with echo() as port, kept_proxy(snapshot(port), workers=2) as proxy:
        stop = threading.Event()
        asked: list[int] = []
        failures: list[str] = []

        def load(number: int) -> None:
            with client_of(proxy.ports()["dns"]) as client:
                count = 0
                while not stop.is_set():
                    data = f"{number} {count}".encode()
                    try:
                        if ask(client, data) != data:
                            failures.append(f"{data!r}: another answer")
                    except OSError as error:
                        failures.append(f"{data!r}: {error}")
                        return
                    count += 1
                asked.append(count)

        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(REPLACEMENTS):
                proxy.workers = (1, 3, 2)[number % 3]
                assert proxy.replace(), proxy.log()
        finally:
            stop.set()
            for thread in threads:
                thread.join(2 * PATIENCE)
        assert failures == []
        assert len(asked) == 4
        assert "Traceback" not in proxy.log()
