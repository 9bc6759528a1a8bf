"""Binding, sharing, handing over and refusing addresses."""

import contextlib
import errno
import itertools
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import pytest
from programs import free_port

from hauberk_core.agent.handover.inherited import Inherited
from hauberk_core.agent.handover.names import ADMIN, LISTENER, DescriptorName, tail_of
from hauberk_core.agent.sockets import BindError, ListenerSockets, bind_one

PATIENCE: Final = 60.0
Taken = TypeVar("Taken")


def _bind(sockets: ListenerSockets, **addresses: str) -> None:
    sockets.prepare(addresses).keep()


def _take(sockets: list[socket.socket], number: int, take: Callable[[socket.socket], Taken]) -> list[list[Taken]]:
    """So many connections or datagrams of all sockets together, by socket: the last ones may be a moment on their way."""
    taken: list[list[Taken]] = [[] for _ in sockets]
    deadline = time.monotonic() + PATIENCE
    while sum(map(len, taken)) < number:
        assert time.monotonic() < deadline, taken
        for sock, of_it in zip(sockets, taken, strict=True):
            with contextlib.suppress(BlockingIOError):
                of_it.append(take(sock))
    return taken


def test_every_worker_gets_connections() -> None:
    sockets = ListenerSockets(3)
    _bind(sockets, web="127.0.0.1:0")
    bound = sockets.by_name()["web"]
    assert len(bound.sockets) == 3
    clients = [socket.create_connection(bound.address) for _ in range(60)]
    accepted = _take(bound.sockets, 60, lambda sock: sock.accept()[0])
    assert all(accepted)
    for connection in itertools.chain(*accepted):
        connection.close()
    for client in clients:
        client.close()
    sockets.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("where", ["127.0.0.1:", ":", "localhost:"])
def test_a_second_proxy_on_the_same_port_is_refused(workers: int, where: str) -> None:
    first = ListenerSockets(workers)
    port = free_port()
    _bind(first, web=f"127.0.0.1:{port}")
    second = ListenerSockets(workers)
    with pytest.raises(BindError, match=rf"listener web: cannot listen on .*:{port}: another process does already; stop it"):
        second.prepare({"web": f"{where}{port}"})
    first.close()
    _bind(second, web=f"{where}{port}")
    second.close()


def test_a_stranger_that_offers_to_share_is_noticed() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        with pytest.raises(BindError, match="another process"):
            ListenerSockets(2).prepare({"web": f"127.0.0.1:{stranger.getsockname()[1]}"})


def test_every_address_takes_both_families() -> None:
    sockets = ListenerSockets(1)
    _bind(sockets, web=":0")
    port = sockets.by_name()["web"].address.port
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port)).close()
    sockets.close()


def test_ipv6_alone() -> None:
    sockets = ListenerSockets(2)
    _bind(sockets, web="[::1]:0")
    address = sockets.by_name()["web"].address
    assert str(address).startswith("[::1]:")
    socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", address.port))
    sockets.close()


def test_unchanged_addresses_keep_their_sockets_even_under_another_name() -> None:
    sockets = ListenerSockets(1)
    port = free_port()
    _bind(sockets, old=f"127.0.0.1:{port}", other="127.0.0.1:0")
    kept, other = sockets.by_name()["old"], sockets.by_name()["other"]
    _bind(sockets, new=f"127.0.0.1:{port}", other="127.0.0.1:0")
    assert sockets.by_name()["new"] is kept
    assert sockets.by_name()["other"] is other
    _bind(sockets, other="127.0.0.1:0")
    assert kept.sockets[0].fileno() == -1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    sockets.close()


def test_a_listener_may_widen_to_every_address_of_its_own_port() -> None:
    sockets = ListenerSockets(2)
    port = free_port()
    _bind(sockets, web=f"127.0.0.1:{port}")
    _bind(sockets, web=f":{port}")
    socket.create_connection(("::1", port)).close()
    sockets.close()


def test_a_refused_change_leaves_everything_as_it_was() -> None:
    sockets = ListenerSockets(1)
    _bind(sockets, web="127.0.0.1:0")
    before = sockets.by_name()["web"]
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BindError):
            sockets.prepare({"fresh": "127.0.0.1:0", "web": "127.0.0.1:0", "bad": f"127.0.0.1:{taken.getsockname()[1]}"})
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    assert sockets.by_name() == {"web": before}
    socket.create_connection(before.address).close()
    sockets.close()


def test_a_dropped_change_closes_only_what_it_opened() -> None:
    sockets = ListenerSockets(1)
    _bind(sockets, web="127.0.0.1:0")
    change = sockets.prepare({"web": "127.0.0.1:0", "fresh": "127.0.0.1:0"})
    fresh = change.by_name["fresh"]
    change.drop()
    assert fresh.sockets[0].fileno() == -1
    assert sockets.by_name()["web"].sockets[0].fileno() >= 0
    sockets.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("192.0.2.1:8080", "192.0.2.1 is no address of this machine"),
        ("no-such-host.invalid:8080", "no address is known for no-such-host.invalid"),
        ("8080", "has no colon"),
    ],
)
def test_refusals_say_what_is_wrong(address: str, words: str) -> None:
    with pytest.raises(BindError, match=f"listener web: .*{words}"):
        ListenerSockets(1).prepare({"web": address})


def test_two_listeners_cannot_have_one_address() -> None:
    port = free_port()
    with pytest.raises(BindError, match="belongs to another listener"):
        ListenerSockets(1).prepare({"a": f"127.0.0.1:{port}", "b": f"127.0.0.1:{port}"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind any port")
def test_low_ports_name_the_capability() -> None:
    with pytest.raises(BindError, match="CAP_NET_BIND_SERVICE"):
        bind_one("web", "127.0.0.1:1")


def test_a_bind_error_keeps_the_systems_own() -> None:
    with pytest.raises(BindError) as caught:
        bind_one("web", "192.0.2.1:80")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EADDRNOTAVAIL


def _parked(sockets: ListenerSockets) -> Inherited:
    """What an agent that is started now would inherit of these."""
    descriptors = [
        (str(DescriptorName(LISTENER, number, tail_of(key))), os.dup(sock.fileno()))
        for key, bound in sockets.by_key().items()
        for number, sock in enumerate(bound.sockets)
    ]
    return Inherited(descriptors)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 3), (2, 2), (3, 1), (2, 3)])
def test_connections_that_wait_are_there_for_any_number_of_workers(before: int, after: int) -> None:
    old = ListenerSockets(before)
    _bind(old, web="127.0.0.1:0", other=f"127.0.0.1:{free_port()}")
    address = old.by_name()["web"].address
    clients = [socket.create_connection(address) for _ in range(20)]
    new = ListenerSockets(after, _parked(old))
    _bind(new, web="127.0.0.1:0", other=str(old.by_name()["other"].address))
    old.close()
    bound = new.by_name()["web"]
    assert bound.address == address
    assert len(bound.sockets) == max(before, after)
    of_workers = [sock for worker in range(after) for sock in bound.of_worker(worker)]
    assert sorted(of_workers, key=id) == sorted(bound.sockets, key=id)
    assert all(bound.of_worker(worker) for worker in range(after))
    clients += [socket.create_connection(address) for _ in range(20)]
    accepted = _take(bound.sockets, 40, lambda sock: sock.accept()[0])
    for connection in [*clients, *itertools.chain(*accepted)]:
        connection.close()
    new.close()


def test_what_was_taken_over_for_a_refused_change_is_there_for_the_next() -> None:
    old = ListenerSockets(1)
    _bind(old, web="127.0.0.1:0")
    address = old.by_name()["web"].address
    new = ListenerSockets(1, _parked(old))
    old.close()
    new.prepare({"web": "127.0.0.1:0", "fresh": "127.0.0.1:0"}).drop()
    socket.create_connection(address).close()
    _bind(new, web="127.0.0.1:0")
    assert new.by_name()["web"].address == address
    new.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_workers_share_a_socket_that_may_not_be_shared_by_port() -> None:
    # As a socket unit of systemd binds it; the group takes no other that is bound by another user, which a test cannot be.
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        sockets = ListenerSockets(2, Inherited([("http", os.dup(given.fileno()))]))
        _bind(sockets, web=f"127.0.0.1:{port}")
        assert len(sockets.by_name()["web"].sockets) == 2
        sockets.close()


def test_the_admin_servers_socket_is_taken_over() -> None:
    old = bind_one("admin", "127.0.0.1:0")
    inherited = Inherited([("admin/0/127.0.0.1%3A0", os.dup(old.sockets[0].fileno()))])
    old.close()
    new = bind_one("admin", "127.0.0.1:0", ADMIN, inherited)
    assert new.address == old.address
    new.close()


def test_it_is_known_which_addresses_are_bound() -> None:
    sockets = ListenerSockets(1)
    fixed = f"127.0.0.1:{free_port()}"
    assert not sockets.has({"web": fixed})
    _bind(sockets, web=fixed, own="127.0.0.1:0")
    assert sockets.has({"web": fixed, "own": "127.0.0.1:0"})
    # A port of one's own belongs to the name, another one to whoever is called by it.
    assert sockets.has({"other": fixed})
    assert not sockets.has({"other": "127.0.0.1:0"})
    sockets.close()
    assert not sockets.has({"web": fixed})


def test_tcp_and_udp_have_ports_of_their_own_each() -> None:
    port = free_port()
    sockets = ListenerSockets(2)
    sockets.prepare({"web": f"127.0.0.1:{port}", "dns": f"udp/127.0.0.1:{port}"}).keep()
    bound = sockets.by_name()
    assert bound["web"].address == bound["dns"].address
    assert {sock.type for sock in bound["dns"].sockets} == {socket.SOCK_DGRAM}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(bound["dns"].address)
        client.send(b"?")
        assert sorted(_take(bound["dns"].sockets, 1, lambda sock: sock.recv(10))) == [[], [b"?"]]
    second = ListenerSockets(2)
    with pytest.raises(BindError, match=rf"cannot listen on udp/127.0.0.1:{port}: another process does already; stop it .*-lunp"):
        second.prepare({"dns": f"udp/127.0.0.1:{port}"})
    sockets.close()


def test_workers_share_a_port_of_udp() -> None:
    sockets = ListenerSockets(3)
    sockets.prepare({"dns": "udp/127.0.0.1:0"}).keep()
    bound = sockets.by_name()["dns"]
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            client.sendto(b"?", bound.address)
    assert all(_take(bound.sockets, 60, lambda sock: sock.recv(10)))
    sockets.close()


def test_a_parked_socket_of_udp_is_taken_over_with_what_waits_in_it() -> None:
    before = ListenerSockets(1)
    before.prepare({"dns": "udp/127.0.0.1:0"}).keep()
    [(key, bound)] = before.by_key().items()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"waits", bound.address)
    name = str(DescriptorName(LISTENER, 0, tail_of(key)))
    inherited = Inherited([(name, os.dup(bound.sockets[0].fileno()))])
    before.close()
    after = ListenerSockets(1, inherited)
    after.prepare({"dns": "udp/127.0.0.1:0"}).keep()
    assert after.by_name()["dns"].address == bound.address
    assert _take(after.by_name()["dns"].sockets, 1, lambda sock: sock.recv(10)) == [[b"waits"]]
    after.close()


def test_a_unit_s_socket_of_udp_is_not_taken_for_one_of_tcp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        inherited = Inherited([("unit", os.dup(sock.fileno()))])
    sockets = ListenerSockets(1, inherited)
    sockets.prepare({"web": f"127.0.0.1:{port}", "dns": f"udp/127.0.0.1:{port}"}).keep()
    assert sockets.by_name()["web"].sockets[0].type == socket.SOCK_STREAM
    assert sockets.by_name()["dns"].sockets[0].type == socket.SOCK_DGRAM
    inherited.close_sockets()
    sockets.close()
