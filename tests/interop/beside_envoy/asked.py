"""A request to send, as far as it can be the same in HTTP/1.1 and in HTTP/2."""

from dataclasses import dataclass
from typing import Final, Literal

from twin_ways import PLAIN

Field = tuple[str, str]

CASE: Final = "x-case"
"""The field that tells a server's records which request is meant."""


@dataclass(frozen=True)
class Asked:
    """One request. `fields` begin with Host, unless it is to be missing."""

    method: str = "GET"
    target: str = "/any"
    fields: tuple[Field, ...] = (("Host", "a.test"),)
    body: bytes = b""
    framing: Literal["none", "counted", "chunked"] = "none"
    trailers: tuple[Field, ...] = ()
    answer: str = "five"
    version: str = "HTTP/1.1"

    def octets(self, case: str) -> bytes:
        """As HTTP/1.1 has it. Args: case - what its records are found by."""
        lines = [f"{self.method} {self.target} {self.version}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        lines += [f"x-answer: {self.answer}", f"{CASE}: {case}"]
        if self.framing == "counted":
            lines.append(f"Content-Length: {len(self.body)}")
        elif self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head + (chunked(self.body, self.trailers) if self.framing == "chunked" else self.body)

    def field(self, name: str) -> str | None:
        """The value of its first field of this name; None if it has none."""
        return next((value for known, value in self.fields if known.lower() == name), None)


@dataclass(frozen=True)
class Sequence:
    """Requests on one connection."""

    requests: tuple[Asked, ...]
    pipelined: bool = False
    """All are sent before the first is answered."""
    http2: bool = False
    """As streams of a connection of HTTP/2; else in HTTP/1.1."""
    way: str = PLAIN
    """The listener they go to (`twin_ways`)."""


def chunked(body: bytes, trailers: tuple[Field, ...]) -> bytes:
    """A body in two chunks, an extension on the first, and what follows it."""
    half = len(body) // 2
    pieces = [piece for piece in (body[:half], body[half:]) if piece]
    written = b"".join(
        f"{len(piece):x}{';n=v' if not index else ''}\r\n".encode() + piece + b"\r\n" for index, piece in enumerate(pieces)
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    return written + b"0\r\n" + lines.encode("latin-1") + b"\r\n"
