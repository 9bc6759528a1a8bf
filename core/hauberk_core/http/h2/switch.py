"""Extended CONNECT (RFC 8441) is to everything above the machines what Upgrade is in HTTP/1.1 (RFC 9110 section 7.8).

Its request is a GET with `upgrade`, the 2xx that accepts it a 101. Only HTTP/1.1 knows the key of a WebSocket and the answer to
it (RFC 6455 section 4.2.2): they are made where the other side speaks HTTP/2.
"""

import base64
import hashlib
from typing import Final

from hauberk_core.http.events import TUNNEL, Response
from hauberk_core.http.fields import TOKEN
from hauberk_core.http.upgrade import carries_requests

WEBSOCKET: Final = "websocket"
KEY: Final = "sec-websocket-key"
ACCEPT: Final = "sec-websocket-accept"
_OF_WEBSOCKET: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def is_carried(protocol: str) -> bool:
    """Whether a protocol can be asked for by `:protocol`: one alone, and none that carries requests."""
    return TOKEN.fullmatch(protocol) is not None and not carries_requests(protocol)


def accept_of(key: str) -> str:
    """What the answer to a WebSocket's key is."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + _OF_WEBSOCKET, usedforsecurity=False).digest()).decode()


def new_key(unique: str) -> str:
    """A key for a client that has none. Args: unique - another one for each request."""
    return base64.b64encode(hashlib.blake2b(unique.encode("latin-1"), digest_size=16).digest()).decode()


def written(response: Response) -> int:
    """The status by which HTTP/2 says what `response` says; its headers lose what belongs to HTTP/1.1."""
    if response.status != 101:
        return response.status
    response.headers.remove(ACCEPT)
    return 200


def read(response: Response, protocol: str, key: str) -> None:
    """Make a final response to an extended CONNECT the answer to an Upgrade. Args: key - of the request; empty: it had none."""
    if response.status >= 300:
        return
    response.status = 101
    response.reason = "Switching Protocols"
    response.framing = TUNNEL
    response.length = 0
    response.upgrade = protocol
    if key:
        response.headers.set(ACCEPT, accept_of(key))
