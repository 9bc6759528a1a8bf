"""A client that sends octets as they are and writes down what comes back, in the spelling in which it came."""

import contextlib
import socket
from dataclasses import dataclass, field
from typing import Final

from live_proxy import PATIENCE

Field = tuple[str, str]


@dataclass
class Heard:
    """One answer."""

    version: str
    status: int
    reason: str
    fields: list[Field]
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    framing: str = "none"
    interim: list[tuple[int, list[Field]]] = field(default_factory=list)
    """Answers of 1xx before it, but for 101."""
    is_complete: bool = True
    """Whether it ended as its head said."""

    def values(self, name: str) -> list[str]:
        """Those of all fields of this name."""
        return [value for known, value in self.fields if known.lower() == name]


class Http1Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._stream: Final = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""
        self._ended = False

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def send(self, octets: bytes) -> None:
        """Send, as far as the other side still listens."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._stream.sendall(octets)

    def receive(self, method: str) -> Heard | None:
        """The next answer, to a request by `method`; None if the connection ends instead. TimeoutError if neither comes."""
        interim: list[tuple[int, list[Field]]] = []
        while True:
            head = self._until(b"\r\n\r\n")
            if head is None:
                return None
            first, *lines = head.decode("latin-1").split("\r\n")
            version, status, reason = (*first.split(" ", 2), "")[:3]
            assert version in ("HTTP/1.0", "HTTP/1.1"), head
            fields = [_field(line) for line in lines]
            if 100 <= int(status) < 200 and status != "101":
                interim.append((int(status), fields))
                continue
            heard = Heard(version, int(status), reason, fields, interim=interim)
            self._receive_body(heard, method)
            return heard

    def _receive_body(self, heard: Heard, method: str) -> None:
        length = heard.values("content-length")
        coding = heard.values("transfer-encoding")
        assert not (length and coding), heard
        assert len(length) <= 1, heard
        if method == "HEAD" or heard.status in (101, 204, 304):
            return
        if coding:
            assert coding == ["chunked"], heard
            heard.framing = "chunked"
            self._receive_chunks(heard)
        elif length:
            heard.framing = "counted"
            body = self._exactly(int(length[0]))
            heard.body, heard.is_complete = body, len(body) == int(length[0])
        else:
            heard.framing = "until-close"
            while not self._ended:
                self._more()
            heard.body, self._read = self._read, b""

    def _receive_chunks(self, heard: Heard) -> None:
        while (line := self._until(b"\r\n")) is not None:
            size = int(line.partition(b";")[0], 16)
            if not size:
                heard.is_complete = self._receive_trailers(heard)
                return
            chunk = self._exactly(size + 2)
            heard.body += chunk[:size]
            if len(chunk) < size + 2:
                break
            assert chunk.endswith(b"\r\n"), chunk
        heard.is_complete = False

    def _receive_trailers(self, heard: Heard) -> bool:
        while (line := self._until(b"\r\n")) is not None:
            if not line:
                return True
            heard.trailers.append(_field(line.decode("latin-1")))
        return False

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._read:
            if self._ended:
                return None
            self._more()
        before, _, self._read = self._read.partition(mark)
        return before

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size and not self._ended:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        try:
            octets = self._stream.recv(1 << 18)
        except ConnectionResetError:
            octets = b""
        self._ended = not octets
        self._read += octets


def _field(line: str) -> Field:
    name, colon, value = line.partition(":")
    assert colon, line
    return name, value.strip(" \t")
