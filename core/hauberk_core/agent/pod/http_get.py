"""One GET within the pod, with bounds."""

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

import h11
import trio

from hauberk_core.agent.pod.dial import Target, open_connection

_READ_SIZE: Final = 16 * 1024
_LARGEST_HEAD: Final = 64 * 1024


class HttpGetError(Exception):
    """There is no answer that could be used."""


class HttpAnswer(NamedTuple):
    """What came back."""

    status: int
    location: str
    content_type: str
    body: bytes


async def http_get(
    target: Target, path: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None, largest_body: int = 0
) -> HttpAnswer:
    """Ask `target` for `path`.

    Args: headers - by names in lower case, `host` among them; tls - to ask inside; largest_body - octets of the answer's body;
    more is refused, and with 0 the head is all that is wanted.
    Raises: OSError, trio.BrokenResourceError, HttpGetError. Cancellation: safe.
    """
    plain = await open_connection(target)
    stream: trio.abc.Stream = plain
    if tls is not None:
        stream = trio.SSLStream(plain, tls, server_hostname=target.host, https_compatible=True)
    try:
        return await _exchange(stream, path, headers, largest_body)
    except h11.RemoteProtocolError as error:
        raise HttpGetError(f"the answer breaks HTTP's rules: {error}") from error
    except h11.LocalProtocolError as error:
        raise HttpGetError(f"the request would break HTTP's rules: {error}") from error
    finally:
        await trio.aclose_forcefully(stream)


async def _exchange(stream: trio.abc.Stream, path: str, headers: Mapping[str, str], largest_body: int) -> HttpAnswer:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
    fields = [*headers.items(), ("connection", "close")]
    request = h11.Request(method="GET", target=path, headers=fields)
    await stream.send_all((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(_READ_SIZE)))
        elif isinstance(event, h11.Response):
            head = event
            if not largest_body:
                break
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > largest_body:
                raise HttpGetError(f"the answer is longer than {largest_body} octets")
        elif not isinstance(event, h11.InformationalResponse):
            break
    if head is None:
        raise HttpGetError("the connection ended before there was an answer")
    found = {name: value.decode("latin-1") for name, value in head.headers}
    return HttpAnswer(head.status_code, found.get(b"location", ""), found.get(b"content-type", ""), bytes(body))
