"""The socket pair, with descriptors beside the octets."""

import os
import socket
import tempfile

import pytest
import trio

from hauberk_core.agent.link import Link
from hauberk_core.agent.wire import Ack, Delta, Hello, WireError, encode_frame


def _delta(count: int, payload: bytes = b"") -> Delta:
    return Delta(1, "", {"cluster/a": payload}, [], [f"listener/{number}" for number in range(count)])


def _pair() -> tuple[Link, Link]:
    ours, theirs = socket.socketpair()
    return Link(ours), Link(theirs)


async def test_messages_larger_than_the_kernels_buffer_arrive_whole() -> None:
    ours, theirs = _pair()
    message = _delta(0, os.urandom(3_000_000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send, message)
        with trio.fail_after(60):
            received = await theirs.receive()
    assert received == (message, [])
    ours.close()
    theirs.close()


@pytest.mark.parametrize("count", [1, 128, 129, 300])
async def test_descriptors_arrive_in_order_with_their_message(count: int) -> None:
    ours, theirs = _pair()
    files = [tempfile.TemporaryFile() for _ in range(count)]  # noqa: SIM115 - closed below
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            await ours.send(Hello(1))
            await ours.send(_delta(count, bytes(100_000)), [file.fileno() for file in files])
            await ours.send(Ack(1))

        nursery.start_soon(send)
        with trio.fail_after(60):
            assert await theirs.receive() == (Hello(1), [])
            received = await theirs.receive()
            assert await theirs.receive() == (Ack(1), [])
    assert received is not None
    _, descriptors = received
    assert [os.fstat(number).st_ino for number in descriptors] == [os.fstat(file.fileno()).st_ino for file in files]
    assert not any(os.get_inheritable(number) for number in descriptors)
    for number in descriptors:
        os.close(number)
    for file in files:
        file.close()
    ours.close()
    theirs.close()


async def test_a_closed_link_ends_quietly_between_messages() -> None:
    ours, theirs = _pair()
    await ours.send(Ack(9))
    ours.close()
    assert await theirs.receive() == (Ack(9), [])
    assert await theirs.receive() is None
    theirs.close()


async def test_a_link_closed_within_a_message_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    ours.sendall(encode_frame(_delta(0))[:-1])
    ours.close()
    with pytest.raises(WireError, match="in the middle"):
        await link.receive()
    link.close()


async def test_a_message_without_its_descriptors_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    ours.sendall(encode_frame(_delta(1)))
    with pytest.raises(WireError, match="speaks of 1 descriptors, but 0 came"):
        await link.receive()
    ours.close()
    link.close()


async def test_closing_releases_descriptors_that_nobody_took() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    read_end, write_end = os.pipe()
    socket.send_fds(ours, [encode_frame(_delta(1))[:3]], [write_end])
    os.close(write_end)
    with trio.move_on_after(0.05):
        await link.receive()
    link.close()
    # The pipe ends only when its last writing descriptor, the one under way, is closed.
    os.set_blocking(read_end, False)
    assert os.read(read_end, 1) == b""
    os.close(read_end)
    ours.close()
