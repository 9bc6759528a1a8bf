"""gRPC's health check (`grpc.health.v1.Health/Check`), as a client within the pod.

By HTTP/2 on a connection of our own, because gRPC's library cannot be told where its connections come from.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from typing import Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio

from hauberk_core.agent.pod.dial import Target, open_connection
from hauberk_core.agent.pod.http_get import HttpGetError

_READ_SIZE: Final = 16 * 1024
# The answer is one small message.
_LARGEST_ANSWER: Final = 4096
_STATUSES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_LONGEST_SERVICE: Final = 4096


async def serving_status(target: Target, service: str) -> str:
    """What a server says of a service, as in the protocol; empty: of itself.

    Raises: OSError, trio.BrokenResourceError, HttpGetError. Cancellation: safe.
    """
    stream = await open_connection(target)
    try:
        return _read_status(await _call(stream, f"{target.host}:{target.port}", _request(service)))
    except h2.exceptions.ProtocolError as error:
        raise HttpGetError(f"the answer breaks HTTP/2's rules: {error}") from error
    finally:
        await trio.aclose_forcefully(stream)


async def _call(stream: trio.SocketStream, authority: str, message: bytes) -> bytes:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=False))
    connection.initiate_connection()
    number = connection.get_next_available_stream_id()
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", authority),
        (":path", "/grpc.health.v1.Health/Check"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "kube-probe/"),
    ]
    connection.send_headers(number, headers)
    connection.send_data(number, message, end_stream=True)
    answer = bytearray()
    while True:
        await stream.send_all(connection.data_to_send())
        data = await stream.receive_some(_READ_SIZE)
        if not data:
            raise HttpGetError("the connection ended before there was an answer")
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                answer += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, number)
                if len(answer) > _LARGEST_ANSWER:
                    raise HttpGetError(f"the answer is longer than {_LARGEST_ANSWER} octets")
            elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                status = dict(event.headers).get(b"grpc-status", b"0")
                if status != b"0":
                    raise HttpGetError(f"the server answers with gRPC's status {status!r}")
            elif isinstance(event, h2.events.StreamEnded):
                return bytes(answer)
            elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                raise HttpGetError(f"the server ended the call: {event.error_code}")


def _request(service: str) -> bytes:
    """HealthCheckRequest, whose field 1 is the service, framed as a message of gRPC."""
    name = service.encode()[:_LONGEST_SERVICE]
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _read_status(answer: bytes) -> str:
    """HealthCheckResponse, whose field 1 is the status; one that is left out is the first."""
    message = answer[5:]
    if not message:
        return _STATUSES[0]
    if len(message) != 2 or message[0] != 0x08 or message[1] >= len(_STATUSES):
        raise HttpGetError("the answer is no answer to a health check")
    return _STATUSES[message[1]]
