"""Accepting: bounded, and patient where the machine has run out of descriptors."""

import os
import resource
import socket
from collections.abc import Iterator

import pytest
from local_proxy import PATIENCE_SECONDS, REQUEST, Chained, Proxy, arrived, location, read_head


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


def test_accepting_pauses_while_descriptors_are_short_and_recovers(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a")], secure=False)
    old = socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS)
    proxy.until(lambda: proxy.counted()[0] == 1)
    clients = [socket.create_connection(proxy.address, timeout=PATIENCE_SECONDS) for _ in range(20)]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(old.fileno())
    os.close(probe)
    try:
        # The next free number and a few behind it are all there is.
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 5, before[1]))
        proxy.until(lambda: proxy.counted()[3] > 0)
        accepted = proxy.counted()[0]
        assert accepted < 21
        # While it waits it costs nothing, and those who are there are served.
        failures = proxy.counted()[3]
        assert sum(proxy.turn() for _ in range(50)) <= accepted
        assert proxy.counted()[3] <= failures + 1
        old.sendall(REQUEST)
        proxy.until(lambda: arrived(old))
        assert location(read_head(old)) == "to-a"
        # Those who leave make room, and those who waited come in.
        for client in clients[:16]:
            client.close()
        proxy.until(lambda: proxy.counted()[0] == 21)
        clients[-1].sendall(REQUEST)
        proxy.until(lambda: arrived(clients[-1]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for client in clients:
        client.close()
    old.close()
    proxy.until(lambda: proxy.core.active() == 0)


def test_one_wake_accepts_a_bounded_number(proxy: Proxy) -> None:
    proxy.serve([Chained("to-a")], secure=False)
    clients = [socket.create_connection(proxy.address) for _ in range(100)]
    rounds = 0
    most = 0
    while proxy.counted()[0] < 100:
        before = proxy.counted()[0]
        proxy.turn()
        most = max(most, proxy.counted()[0] - before)
        rounds += 1
    assert 1 < most <= 32
    assert rounds >= 4
    for client in clients:
        client.close()
    proxy.until(lambda: proxy.core.active() == 0)
