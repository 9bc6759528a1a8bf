"""Control that is away, or not itself: what stands at its port instead, for as long as a test wants."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final, Literal

from laptop_mesh import Mesh, kill, wait_until

Manner = Literal["refusing", "closing", "hanging", "garbage"]
"""What becomes of those who connect: they are refused; closed at once; left waiting; sent octets that mean nothing."""

_GARBAGE: Final = b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)) * 8


class Impostor:
    """Holds control's port, so that the real one cannot start."""

    def __init__(self, port: int, manner: Manner) -> None:
        """Take the port, which must be free."""
        self.came: Final[list[float]] = []
        """When each connection was made, by `time.monotonic`."""
        self._manner: Final = manner
        self._held: Final[list[socket.socket]] = []
        self._listener: Final = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Connections of the control that was killed may linger.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A process of several threads may look dead before it has let go of everything.
        wait_until(lambda: self._takes(port), "control's port")
        self._thread: Final = threading.Thread(target=self._accept)
        if manner != "refusing":
            self._listener.listen(128)
            self._thread.start()

    def _takes(self, port: int) -> bool:
        with contextlib.suppress(OSError):
            self._listener.bind(("127.0.0.1", port))
            return True
        return False

    def close(self) -> None:
        """Give the port back."""
        if self._manner != "refusing":
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(20)
        self._listener.close()
        for sock in self._held:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.came.append(time.monotonic())
            if self._manner == "hanging":
                self._held.append(sock)
                continue
            with sock, contextlib.suppress(OSError):
                if self._manner == "garbage":
                    sock.sendall(_GARBAGE)


@contextlib.contextmanager
def control_away(mesh: Mesh, manner: Manner = "refusing") -> Iterator[Impostor]:
    """Kill control outright; until the end of the block it does not come back, though `hauberk up` tries.

    Afterwards it is up to `hauberk up` when it does.
    """
    port = json.loads((mesh.folder / ".hauberk" / "ports.json").read_text())["mesh"]
    kill(mesh.control())
    made = Impostor(port, manner)
    try:
        yield made
    finally:
        made.close()
