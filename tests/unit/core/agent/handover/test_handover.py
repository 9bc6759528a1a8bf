"""What an agent parks with its service manager, in which order, and what it lets go of."""

import array
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import trio

from hauberk_core.agent.handover.handover import Handover, take_over
from hauberk_core.agent.handover.inherited import Inherited
from hauberk_core.agent.handover.service_manager import ServiceManager, find_manager
from hauberk_core.agent.sockets import BoundListener, ListenerSockets


class Told(NamedTuple):
    """One message, with how many descriptors."""

    text: str
    descriptors: int


class Manager:
    """A service manager's socket, read by the test."""

    def __init__(self, path: str) -> None:
        self.path: Final = path
        self.socket: Final = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def told(self) -> list[Told]:
        """All that came so far."""
        messages: list[Told] = []
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
            except BlockingIOError:
                return messages
            numbers = array.array("i")
            for _, _, octets in ancillary:
                numbers.frombytes(octets)
            for number in numbers:
                os.close(number)
            messages.append(Told(data.decode(), len(numbers)))


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.chdir(tmp_path)  # the path of a local socket must be short
    made = Manager("notify")
    yield made
    made.socket.close()


def _stored(name: str) -> Told:
    return Told(f"FDSTORE=1\nFDNAME={name}", 1)


def _forgotten(name: str) -> Told:
    return Told(f"FDSTOREREMOVE=1\nFDNAME={name}", 0)


class Binder:
    """Binds listeners, and closes them when the test is over."""

    def __init__(self) -> None:
        self._bound: Final[list[BoundListener]] = []

    def bind(self, workers: int = 1, **addresses: str) -> dict[str, BoundListener]:
        """Their sockets, by key."""
        sockets = ListenerSockets(workers)
        sockets.prepare(addresses).keep()
        self._bound.extend(sockets.by_key().values())
        return dict(sockets.by_key())

    def close(self) -> None:
        """Close everything."""
        for bound in self._bound:
            bound.close()


@pytest.fixture
def binder() -> Iterator[Binder]:
    made = Binder()
    yield made
    made.close()


async def test_sockets_are_parked_before_readiness_is_told(manager: Manager, binder: Binder) -> None:
    handover = Handover(Inherited([]), ServiceManager(manager.path))
    listeners = binder.bind(2, web="127.0.0.1:0")
    [admin] = binder.bind(admin="127.0.0.1:0").values()
    await handover.follow(listeners, {"127.0.0.1:0": admin})
    told = manager.told()
    assert told[:3] == [
        _stored("listener/0/web 127.0.0.1%3A0"),
        _stored("listener/1/web 127.0.0.1%3A0"),
        _stored("admin/0/127.0.0.1%3A0"),
    ]
    assert told[3].text.startswith("FDSTORE=1\nFDNAME=workers/0/")
    assert told[4:] == [Told("READY=1", 0)]
    await handover.follow(listeners, {"127.0.0.1:0": admin})
    assert manager.told() == []
    handover.close()


async def test_a_changed_configuration_is_followed(manager: Manager, binder: Binder) -> None:
    handover = Handover(Inherited([]), ServiceManager(manager.path))
    listeners = binder.bind(web="127.0.0.1:0", old="127.0.0.1:0")
    await handover.follow(listeners, {})
    manager.told()
    del listeners["old 127.0.0.1:0"]
    await handover.follow(listeners | binder.bind(new="127.0.0.1:0"), {})
    assert manager.told() == [_forgotten("listener/0/old 127.0.0.1%3A0"), _stored("listener/0/new 127.0.0.1%3A0")]
    # Another socket under the same name, after the first was closed: the manager must not keep the old one.
    await handover.follow(listeners | binder.bind(new="127.0.0.1:0"), {})
    assert manager.told() == [_forgotten("listener/0/new 127.0.0.1%3A0"), _stored("listener/0/new 127.0.0.1%3A0")]
    handover.close()


async def test_inherited_sockets_stay_parked_and_unwanted_ones_go(manager: Manager, binder: Binder) -> None:
    [kept] = binder.bind(web="127.0.0.1:0").values()
    [unwanted] = binder.bind(gone="127.0.0.1:0").values()
    reading, writing = os.pipe()
    names = ["listener/0/web 127.0.0.1%3A0", "listener/0/gone 127.0.0.1%3A0"]
    numbers = [os.dup(kept.sockets[0].fileno()), os.dup(unwanted.sockets[0].fileno())]
    unwanted.close()
    inherited = Inherited([*zip(names, numbers, strict=True), ("workers/0/before", writing)])
    sockets = ListenerSockets(1, inherited)
    sockets.prepare({"web": "127.0.0.1:0"}).keep()
    assert sockets.by_name()["web"].address == kept.address
    handover = Handover(inherited, ServiceManager(manager.path))
    await handover.follow(sockets.by_key(), {})
    told = manager.told()
    assert told[:2] == [_forgotten(names[1]), _forgotten("workers/0/before")]
    assert told[2] == _stored(names[0])
    # The workers of the agent before may go, and nobody listens on what is not wanted.
    assert os.read(reading, 1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(unwanted.address)
    os.close(reading)
    handover.close()
    sockets.close()


async def test_who_stops_leaves_everything_parked(manager: Manager, binder: Binder) -> None:
    handover = Handover(Inherited([]), ServiceManager(manager.path))
    listeners = binder.bind(web="127.0.0.1:0")
    await handover.follow(listeners, {})
    manager.told()
    await handover.stopping()
    await handover.follow({}, {})
    assert manager.told() == [Told("STOPPING=1", 0)]
    handover.close()


async def test_the_lifeline_ends_with_its_last_holder(manager: Manager) -> None:
    handover = Handover(Inherited([]), ServiceManager(manager.path))
    lifeline = os.dup(handover.lifeline)
    os.set_blocking(lifeline, False)
    with pytest.raises(BlockingIOError):
        os.read(lifeline, 1)
    handover.close()
    assert os.read(lifeline, 1) == b""
    os.close(lifeline)


async def test_without_a_manager_nothing_is_told_and_sockets_are_followed(binder: Binder) -> None:
    environ: dict[str, str] = {}
    handover = take_over(environ)
    assert not handover.is_managed
    await handover.follow(binder.bind(web="127.0.0.1:0"), {})
    await handover.stopping()
    with trio.move_on_after(0.01) as scope:
        await handover.wait_abandoned()
    assert scope.cancelled_caught
    handover.close()


async def test_a_manager_that_is_gone_is_noticed(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.abc.Clock
) -> None:
    handover = Handover(Inherited([]), ServiceManager(manager.path))
    with trio.move_on_after(60) as scope:
        await handover.wait_abandoned()
    assert scope.cancelled_caught
    monkeypatch.setattr(os, "getppid", lambda: 1_000_000)
    with trio.fail_after(60):
        await handover.wait_abandoned()
    handover.close()


async def test_a_manager_that_cannot_be_told_hinders_nobody(tmp_path: Path, binder: Binder) -> None:
    handover = Handover(Inherited([]), ServiceManager(str(tmp_path / "nobody")))
    await handover.follow(binder.bind(web="127.0.0.1:0"), {})
    handover.close()


async def test_a_manager_that_takes_nothing_is_not_waited_for_again_and_again(
    manager: Manager, autojump_clock: trio.abc.Clock
) -> None:
    service_manager = ServiceManager(manager.path)
    began = trio.current_time()
    for _ in range(1000):
        await service_manager.tell("STATUS=more than the kernel queues")
    assert trio.current_time() - began < 100
    service_manager.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative/path"])
def test_addresses_of_other_kinds_are_nobody(address: str) -> None:
    environ = {"NOTIFY_SOCKET": address}
    assert find_manager(environ) is None
    assert environ == {}


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="abstract names are Linux'")
async def test_an_abstract_name_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0hauberk-test-{os.getpid()}")
        found = find_manager({"NOTIFY_SOCKET": f"@hauberk-test-{os.getpid()}"})
        assert found is not None
        await found.tell("READY=1", "STATUS=serving")
        assert receiver.recv(100) == b"READY=1\nSTATUS=serving"
        found.close()
