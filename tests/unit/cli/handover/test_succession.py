"""Notifications of programs, real and hostile, and what becomes of their descriptors."""

import array
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest
import trio

from hauberk_cli.handover.notify_socket import LARGEST_MESSAGE, Notification, NotifySocket
from hauberk_cli.handover.succession import Succession

ME: Final = os.getpid()


@pytest.fixture
async def succession() -> AsyncIterator[Succession]:
    with Succession("a program") as made:
        made.expect(ME)
        yield made


def _send(path: str, data: bytes, descriptors: Sequence[int] = ()) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        sender.sendmsg([data], ancillary, 0, path)


def _path(succession: Succession) -> str:
    with closing(succession.start(["true"])) as start:
        return start.variables["NOTIFY_SOCKET"]


def _names(succession: Succession) -> str:
    with closing(succession.start(["true"])) as start:
        return start.variables.get("LISTEN_FDNAMES", "")


def _descriptors_of(file: int) -> int:
    """How many of our descriptors are of the pipe that this one is of. Others come and go as they like."""
    pipe = os.fstat(file)
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # of the folder itself
            found += os.path.samestat(os.fstat(int(descriptor)), pipe)
    return found


async def test_readiness_is_told(succession: Succession, nursery: trio.Nursery) -> None:
    nursery.start_soon(succession.listen)
    _send(_path(succession), b"STATUS=not yet")
    _send(_path(succession), b"READY=1\nSTATUS=serving")
    with trio.fail_after(60):
        await succession.wait_ready(ME)
    nursery.cancel_scope.cancel()


async def test_hostile_messages_change_nothing_and_leak_nothing(succession: Succession, nursery: trio.Nursery) -> None:
    nursery.start_soon(succession.listen)
    path = _path(succession)
    reading, writing = os.pipe()
    assert _descriptors_of(reading) == 2
    stranger = f"import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', {path!r})"
    await trio.run_process([sys.executable, "-c", stranger])
    for data, descriptors in (
        (b"", []),
        (b"\xff\xfe", [reading]),
        (b"FDSTORE=1\nFDNAME=web\n" + b"x" * LARGEST_MESSAGE, [reading]),
        (b"FDNAME=web", [reading]),
        (b"FDSTORE=yes\nFDNAME=web", [reading]),
        (b"FDSTORE=1\nFDNAME=a:b", [reading]),
        (b"FDSTORE=1\nFDNAME=", [reading]),
        (b"FDSTOREREMOVE=1", []),
        (b"=1\nno equals sign\n\nREADY=2", []),
        (b"FDSTORE=1", []),
        (b"FDSTORE=1\nFDNAME=good", [writing]),
    ):
        # The kernel queues few; the task that listens must come in between.
        await trio.to_thread.run_sync(_send, path, data, descriptors)
    with trio.fail_after(60):
        while _names(succession) != "good":  # noqa: ASYNC110 - the store tells nobody
            await trio.sleep(0.01)
    assert _descriptors_of(reading) == 3
    with trio.move_on_after(0) as scope:
        await succession.wait_ready(ME)
    assert scope.cancelled_caught
    nursery.cancel_scope.cancel()
    os.close(reading)
    os.close(writing)


async def test_only_expected_processes_are_heard(succession: Succession) -> None:
    reading, writing = os.pipe()
    succession.take(Notification(ME + 1, {"FDSTORE": "1", "FDNAME": "web"}, [os.dup(writing)]))
    assert _names(succession) == ""
    succession.take(Notification(ME, {"FDSTORE": "1", "FDNAME": "web"}, [os.dup(writing)]))
    assert _names(succession) == "web"
    succession.dismiss(ME)
    succession.take(Notification(ME, {"FDSTOREREMOVE": "1", "FDNAME": "web"}, []))
    assert _names(succession) == "web"
    os.close(reading)
    os.close(writing)


async def test_without_the_kernels_word_the_newest_process_is_meant(succession: Succession) -> None:
    reading, writing = os.pipe()
    succession.take(Notification(0, {"FDSTORE": "1"}, [writing]))
    assert _names(succession) == "stored"
    os.close(reading)


async def test_a_program_finds_its_descriptors_in_order(succession: Succession) -> None:
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]
    for number, sock in enumerate(listening):
        succession.take(Notification(ME, {"FDSTORE": "1", "FDNAME": f"listener/{number}/web"}, [os.dup(sock.fileno())]))
    script = """
import os, socket
assert os.environ["LISTEN_PID"] == str(os.getpid())
names = os.environ["LISTEN_FDNAMES"].split(":")
found = [socket.socket(fileno=3 + number) for number in range(len(names))]
for name, sock in zip(names, found):
    print(name, sock.getsockname()[1])
print(len(os.listdir("/proc/self/fd")) - 1)
"""
    with closing(succession.start([sys.executable, "-c", script])) as start:
        # What the one in office gives up while its successor is being started is still handed on.
        succession.take(Notification(ME, {"FDSTOREREMOVE": "1", "FDNAME": "listener/3/web"}, []))
        variables = {**os.environ, **start.variables}
        ended = await trio.run_process(start.command, env=variables, pass_fds=start.pass_fds, capture_stdout=True)
    expected = [f"listener/{number}/web {sock.getsockname()[1]}" for number, sock in enumerate(listening)]
    # Nothing else is handed on: standard streams, and these.
    assert ended.stdout.decode().splitlines() == [*expected, str(3 + len(listening))]
    for sock in listening:
        sock.close()


async def test_at_the_end_nobody_waits_for_nobody(succession: Succession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
        succession.take(Notification(ME, {"FDSTORE": "1", "FDNAME": "web"}, [os.dup(sock.fileno())]))
    socket.create_connection(address).close()
    succession.close_store()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_strangers_cannot_reach_the_socket_and_nothing_is_left() -> None:
    with NotifySocket() as made:
        folder = Path(made.path).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_what_a_killed_one_left_behind_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stale = tmp_path / "hauberk-notify-stale"
    stale.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(stale / "socket"))
    (tmp_path / "hauberk-notify-new").mkdir()

    async def look() -> None:
        with NotifySocket() as alive:
            with NotifySocket():
                assert Path(alive.path).exists()
            assert not stale.exists()
            assert len(list(tmp_path.iterdir())) == 2

    trio.run(look)
