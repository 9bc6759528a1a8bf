"""What thousands of connections and requests leave behind: nothing."""

import gc
import os
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from endurance import lasting
from local_proxy import REQUEST, Chained, Proxy

SHORT: Final = int(lasting(20_000, 2_000))
KEPT: Final = int(lasting(100_000, 10_000))


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


def exchanges(proxy: Proxy, sock: socket.socket, count: int) -> None:
    """So many at once: requests behind each other, and all their answers."""
    sock.sendall(REQUEST * count)
    got = b""
    while count:
        proxy.turn()
        try:
            got += sock.recv(1 << 20)
        except BlockingIOError:
            continue
        count -= got.count(b"\r\n\r\n")
        got = got[got.rfind(b"\r\n\r\n") + 4 :] if b"\r\n\r\n" in got else got


@pytest.mark.endure
def test_memory_and_descriptors_stay_flat(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a")], secure=False)

    def run(short: int, kept: int) -> None:
        for _ in range(short):
            with socket.create_connection(proxy.address) as sock:
                sock.setblocking(False)
                exchanges(proxy, sock, 1)
        with socket.create_connection(proxy.address) as sock:
            sock.setblocking(False)
            for _ in range(kept // 50):
                exchanges(proxy, sock, 50)
        proxy.until(lambda: proxy.core.active() == 0)
        gc.collect()

    run(short=SHORT // 10, kept=KEPT // 10)
    descriptors, octets, objects = len(os.listdir("/proc/self/fd")), _resident(), sys.getallocatedblocks()
    run(short=SHORT, kept=KEPT)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    # A leak of one object a connection and a request would show as twelve times as many, and one of 1,000 octets as 12 MB.
    assert sys.getallocatedblocks() - objects < 1_000
    assert _resident() - octets < 3_000_000
    assert len(proxy.loop.wheel) < 3


def test_a_connection_that_ended_leaves_no_cycle_behind(proxy: Proxy) -> None:
    """What waits for a collection of cycles would hold its buffers, and its TLS state, until one comes by."""
    proxy.serve([Chained("to-a")], secure=False)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            with socket.create_connection(proxy.address) as sock:
                sock.setblocking(False)
                exchanges(proxy, sock, 2)
        proxy.until(lambda: proxy.core.active() == 0)
        assert gc.collect() < 100
    finally:
        gc.enable()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
