"""Speaks to control over the local socket."""

import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import trio

from hauberk_control.local.messages import FOLDER_NAME, LARGEST_LINE, SOCKET_NAME, Answer, Refused, Request

MESH_VARIABLE: Final = "HAUBERK_MESH"
"""Names the folder of resources whose control is meant."""

_READ_OCTETS: Final = 64 * 1024
_OTHER_VERSIONS: Final = "control and this command are of different versions, so start the mesh again"
_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


class ControlAway(Exception):
    """No control answers; the message says what to do."""


class ControlRefused(Exception):
    """Control does not fulfil the request; the message is its own."""


def find_mesh(folder: Path | None) -> Path:
    """The folder of resources that is meant: the one given, else HAUBERK_MESH, else the nearest one above with a control.

    Raises: ControlAway.
    """
    if folder is not None:
        return folder.resolve()
    named = os.environ.get(MESH_VARIABLE)
    if named:
        return Path(named).resolve()
    here = Path.cwd()
    for candidate in (here, *here.parents):
        if (candidate / FOLDER_NAME / SOCKET_NAME).exists():
            return candidate
    raise ControlAway(
        f"no mesh runs in this folder or above; start one with: hauberk up DIR, or name it: --mesh DIR or {MESH_VARIABLE}"
    )


class ControlConnection:
    """One connection: requests and their answers, in turn."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        """Args: stream - to the local socket, by whatever way."""
        self._stream: Final = stream
        self._buffer = bytearray()

    @classmethod
    async def open(cls, mesh: Path) -> "ControlConnection":
        """Connect to the control of `mesh`. Raises: ControlAway."""
        try:
            stream = await trio.open_unix_socket(str(mesh / FOLDER_NAME / SOCKET_NAME))
        except (OSError, RuntimeError) as error:
            raise ControlAway(f"no control serves {mesh}; start it with: hauberk up {mesh}") from error
        return cls(stream)

    async def ask(self, request: Request, expected: type[_AnswerT]) -> _AnswerT:
        """Send a request and wait for its answer.

        Raises: ControlRefused; ControlAway if the connection broke, or control has only just begun.
        Cancellation: the connection is then of no more use.
        """
        try:
            await self._stream.send_all(msgspec.json.encode(request) + b"\n")
            line = await self._line()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ControlAway("control ended the connection") from error
        try:
            answer: Answer = msgspec.json.decode(line, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ControlAway(f"control answered what this command does not know ({error}); {_OTHER_VERSIONS}") from error
        if isinstance(answer, Refused) and answer.starting:
            raise ControlAway(answer.message)
        if isinstance(answer, Refused):
            raise ControlRefused(answer.message)
        if not isinstance(answer, expected):
            raise ControlAway(f"control answered with a {type(answer).__name__}; {_OTHER_VERSIONS}")
        return answer

    async def wait_end(self) -> None:
        """Wait until control ends the connection."""
        try:
            while await self._stream.receive_some(_READ_OCTETS):
                pass
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def close(self) -> None:
        """End the connection."""
        await trio.aclose_forcefully(self._stream)

    async def _line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            data = await self._stream.receive_some(_READ_OCTETS)
            if not data or len(self._buffer) > LARGEST_LINE:
                raise trio.BrokenResourceError("no answer")
            self._buffer += data
