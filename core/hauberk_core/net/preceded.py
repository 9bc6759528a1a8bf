"""Connections on which something is said in the clear before anything else: before TLS, and before what is inside it."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.transport import HANDSHAKE_DONE, Security, Stream


@mypyc_attr(allow_interpreted_subclasses=True)
class PrecededStream(Stream):
    """A connection whose handshake begins with that; `settled` is what follows."""

    def __init__(self, plain: Stream, inside: Security | None, host: str) -> None:
        """Args: inside - of what follows; None: it is in the clear; host - as of `Security.wrap`."""
        self._following: Stream | None = None
        self._inside: Final = inside
        self._host: Final = host
        self._plain: Final = plain

    def precede(self, plain: Stream) -> int:
        """Go on with what comes first. Returns and raises: as `handshake`."""
        raise NotImplementedError

    def fileno(self) -> int:
        return self._current().fileno()

    def handshake(self) -> int:
        following = self._following
        if following is None:
            state = self._plain.handshake()
            if state == HANDSHAKE_DONE:
                state = self.precede(self._plain)
            if state != HANDSHAKE_DONE:
                return state
            following = self._plain if self._inside is None else self._inside.wrap(self._plain, self._host)
            self._following = following
        return following.handshake()

    def settled(self) -> Stream:
        current = self._current()
        return current if current is self._plain else current.settled()

    def recv(self, size: int) -> bytes | None:
        return None if self._following is None else self._following.recv(size)

    def send(self, data: bytes) -> int:
        return 0 if self._following is None else self._following.send(data)

    def shutdown_write(self) -> None:
        if self._following is not None:
            self._following.shutdown_write()

    def keep_alive(self, probes: int, idle: int, interval: int) -> None:
        self._plain.keep_alive(probes, idle, interval)

    def reset_on_close(self) -> None:
        self._current().reset_on_close()

    def close(self) -> None:
        self._current().close()

    def is_secure(self) -> bool:
        # What has yet to come is a handshake of its own.
        return True if self._following is None else self._following.is_secure()

    def local_address(self) -> str:
        return self._plain.local_address()

    def peer_address(self) -> str:
        return self._plain.peer_address()

    def _current(self) -> Stream:
        return self._plain if self._following is None else self._following
