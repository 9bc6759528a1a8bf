"""Istio's JSON format of the access log: one object a line, with the field names of its default JSON format."""

import json
from typing import Final

import msgspec

from hauberk_core.observe.date import LogDate
from hauberk_core.observe.line_format import LineFormat
from hauberk_core.observe.record import Record

_DELETE: Final = "\x7f"
_DELETE_OCTET: Final = b"\x7f"


class _Exchange(msgspec.Struct, gc=False):
    """Istio's fields, in the order of the text format."""

    start_time: str
    method: str | None
    path: str | None
    protocol: str | None
    response_code: int
    response_flags: str
    response_code_details: str
    connection_termination_details: None
    upstream_transport_failure_reason: str | None
    bytes_received: int
    bytes_sent: int
    duration: int
    upstream_service_time: str | None
    x_forwarded_for: str | None
    user_agent: str | None
    request_id: str | None
    authority: str | None
    upstream_host: str | None
    upstream_cluster: str | None
    upstream_local_address: str | None
    downstream_local_address: str | None
    downstream_remote_address: str | None
    requested_server_name: str | None
    route_name: str | None


class JsonLine(LineFormat):
    """Writes one JSON object a line; `null` for what there was not, as Envoy does.

    Non-ASCII characters (single octets, where they come from a header) and DEL are written as `\\u00HH`, so that no terminal
    takes them for control sequences.
    """

    __slots__ = ("_date", "_encoder")

    def __init__(self) -> None:
        self._date: Final = LogDate()
        self._encoder: Final = msgspec.json.Encoder()

    def line(self, record: Record) -> bytes:
        """The line for `record`."""
        upstream_duration = record.upstream_duration
        exchange = _Exchange(
            self._date.at(record.start),
            record.method or None,
            record.path or None,
            record.protocol or None,
            record.status,
            record.response_flags(),
            record.response_details(),
            None,
            record.upstream_failure or None,
            record.bytes_received,
            record.bytes_sent,
            int(record.duration * 1000.0),
            None if upstream_duration < 0.0 else str(int(upstream_duration * 1000.0)),
            record.x_forwarded_for or None,
            record.user_agent or None,
            record.request_id or None,
            record.authority or None,
            record.upstream_host or None,
            record.cluster or None,
            record.upstream_local or None,
            record.downstream_local or None,
            record.downstream_remote or None,
            record.server_name or None,
            record.route or None,
        )
        try:
            line = self._encoder.encode(exchange)
        except UnicodeEncodeError:
            return _escaped(exchange)
        if line.isascii() and _DELETE_OCTET not in line:
            return line + b"\n"
        return _escaped(exchange)


def _escaped(exchange: _Exchange) -> bytes:
    text = json.dumps(msgspec.structs.asdict(exchange), separators=(",", ":"))
    return text.replace(_DELETE, "\\u007f").encode("ascii") + b"\n"
