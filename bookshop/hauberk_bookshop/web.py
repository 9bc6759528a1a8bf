"""A request and its response, as the services see them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. Header names are lower case; `path` is decoded and carries no query."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_target(cls, method: str, target: str, headers: tuple[tuple[str, str], ...]) -> "Request":
        """Read an origin-form or absolute-form target.

        Raises: ValueError if the target is no URL.
        """
        return cls(method, unquote(urlsplit(target).path) or "/", headers)

    def header(self, name: str) -> str:
        """The first value of the header called `name` (lower case), or an empty string."""
        for key, value in self.headers:
            if key == name:
                return value
        return ""


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent back: the whole body at once, because nothing here is long."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Answer with `value` (anything msgspec can encode) as JSON that no cache keeps."""
    return Response(status, msgspec.json.encode(value), headers=(("cache-control", "no-store"), *headers))


def problem(status: int, detail: str) -> Response:
    """Answer with a fault, as JSON with the one member `error`."""
    return json_response({"error": detail}, status)
