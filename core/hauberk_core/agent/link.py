"""The socket pair between the agent and one worker.

A stream, not packets: macOS has no packets between local sockets. Descriptors travel beside the octets (SCM_RIGHTS) and arrive no
later than the octets they were sent with; a message that says it carries N takes the next N that came.
"""

import array
import os
import socket
from collections import deque
from typing import Final

import trio

from hauberk_core.agent.wire import MOST_DESCRIPTORS, Delta, FrameReader, Message, WireError, encode_frame

# The kernel refuses more than 253 a call (SCM_MAX_FD).
_DESCRIPTORS_A_CALL: Final = 128
_READ_SIZE: Final = 256 * 1024
_DESCRIPTOR_OCTETS: Final = array.array("i").itemsize
# Received descriptors must not leak into programs that a plugin may start.
_RECEIVE_FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Link:
    """One end. One task at a time may send, and one receive."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket: Final = trio.socket.from_stdlib_socket(sock)
        self._reader: Final = FrameReader()
        self._received: Final[deque[int]] = deque()

    async def send(self, message: Message, descriptors: list[int] | None = None) -> None:
        """Send `message`, and duplicates of `descriptors` with it; ours stay open.

        Raises: WireError if it is too large; OSError if the other end is gone.
        Cancellation: the link is dead afterwards, because half a frame may have been sent.
        """
        data = memoryview(encode_frame(message))
        waiting = descriptors or []
        if len(waiting) > MOST_DESCRIPTORS:
            raise WireError(f"{len(waiting)} listeners at once; a proxy may have {MOST_DESCRIPTORS}")
        while len(waiting) > _DESCRIPTORS_A_CALL:
            batch, waiting = waiting[:_DESCRIPTORS_A_CALL], waiting[_DESCRIPTORS_A_CALL:]
            data = data[await self._send_some(data[:1], batch) :]
        while data:
            data = data[await self._send_some(data, waiting) :]
            waiting = []

    async def _send_some(self, data: memoryview, descriptors: list[int]) -> int:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        return await self._socket.sendmsg([data], ancillary)

    async def receive(self) -> tuple[Message, list[int]] | None:
        """The next message with its descriptors, which the caller then owns; None when the other end is closed.

        Raises: WireError if the other end breaks the protocol; OSError if the link broke.
        Cancellation: safe; what was read is kept for the next call.
        """
        while True:
            message = self._reader.next_message()
            if message is not None:
                return message, self._take(len(message.descriptors) if isinstance(message, Delta) else 0)
            data, ancillary, flags, _ = await self._socket.recvmsg(
                _READ_SIZE, socket.CMSG_SPACE(_DESCRIPTORS_A_CALL * _DESCRIPTOR_OCTETS), _RECEIVE_FLAGS
            )
            self._keep(ancillary)
            if flags & socket.MSG_CTRUNC:
                raise WireError("descriptors were lost on the way: this process may open no more (see `ulimit -n`)")
            if not data:
                if not self._reader.is_empty():
                    raise WireError("the other end closed the link in the middle of a message")
                return None
            self._reader.feed(data)

    def _keep(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, octets in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(octets[: len(octets) - len(octets) % _DESCRIPTOR_OCTETS])
                self._received.extend(numbers)

    def _take(self, count: int) -> list[int]:
        if count > len(self._received):
            raise WireError(f"a message speaks of {count} descriptors, but {len(self._received)} came")
        return [self._received.popleft() for _ in range(count)]

    def close(self) -> None:
        """Close this end, and descriptors that nobody took."""
        self._socket.close()
        while self._received:
            os.close(self._received.popleft())
