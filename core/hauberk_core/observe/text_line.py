"""Istio's default text format of the access log.

    [%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%
    %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT%
    %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%"
    "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%
    %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%

(one line; source: https://istio.io/latest/docs/tasks/observability/logs/access-log/)

A value could carry a line feed, a quote or a terminal's control sequence. The line is written on the assumption that none does.
Then all harmless characters are deleted from a copy, which leaves blanks and quotes: the line's skeleton. Only if that is the
skeleton of a line whose values broke nothing is the line used; otherwise it is written again with every value escaped.
"""

import re
from typing import Final

from hauberk_core.observe.date import LogDate
from hauberk_core.observe.line_format import LineFormat
from hauberk_core.observe.record import Record

_HARMLESS: Final = bytes([octet for octet in range(0x21, 0x7F) if octet not in b'"\\'])
# Blanks are allowed between quotes, except in the request line, and nowhere else more than the format has.
_GOOD_SKELETON: Final = re.compile(rb' "  " {5}" *" {5}" *" " *" " *" " *" " *" {6}\n')
# Skeletons differ by the blanks in user agents and the like. A client can invent them, so only so many are remembered.
_SKELETONS_REMEMBERED: Final = 1024
# Numbers below this are kept as text: statuses, most durations, many sizes.
_NUMBERS: Final = 1000
_NUMBER_TEXTS: Final = [str(number) for number in range(_NUMBERS)]


class TextLine(LineFormat):
    """Writes Istio's text line.

    In a value, quotes, backslashes, control and non-ASCII characters become `\\"`, `\\\\`, `\\n`, `\\xHH`, `\\uHHHH` and so on,
    as in a Python string; blanks in values that have no quotes around them become `\\x20`.
    """

    __slots__ = ("_date", "_good_skeletons")

    def __init__(self) -> None:
        self._date: Final = LogDate()
        self._good_skeletons: Final[set[bytes]] = set()

    def line(self, record: Record) -> bytes:
        """The line for `record`."""
        # What is not ASCII becomes a backslash and more, and no good skeleton has a backslash.
        line = self._assemble(record).encode("ascii", "backslashreplace")
        skeleton = line.translate(None, _HARMLESS)
        if skeleton in self._good_skeletons or self._is_good(skeleton):
            return line
        return self._assemble(_escaped(record)).encode("ascii")

    def _assemble(self, record: Record) -> str:
        duration = int(record.duration * 1000.0)
        upstream_duration = record.upstream_duration
        upstream_milliseconds = "-" if upstream_duration < 0.0 else _number(int(upstream_duration * 1000.0))
        return (
            f'[{self._date.at(record.start)}] "{record.method or "-"} {record.path or "-"} {record.protocol or "-"}"'
            f" {_number(record.status)} {record.response_flags()} {record.response_details()}"
            f' - "{record.upstream_failure or "-"}"'
            f" {_number(record.bytes_received)} {_number(record.bytes_sent)} {_number(duration)} {upstream_milliseconds}"
            f' "{record.x_forwarded_for or "-"}" "{record.user_agent or "-"}" "{record.request_id or "-"}"'
            f' "{record.authority or "-"}" "{record.upstream_host or "-"}" {record.cluster or "-"} {record.upstream_local or "-"}'
            f" {record.downstream_local or '-'} {record.downstream_remote or '-'}"
            f" {record.server_name or '-'} {record.route or '-'}\n"
        )

    def _is_good(self, skeleton: bytes) -> bool:
        if _GOOD_SKELETON.fullmatch(skeleton) is None:
            return False
        if len(self._good_skeletons) < _SKELETONS_REMEMBERED:
            self._good_skeletons.add(skeleton)
        return True


def _number(number: int) -> str:
    return _NUMBER_TEXTS[number] if 0 <= number < _NUMBERS else str(number)


def _escaped(record: Record) -> Record:
    escaped = Record()
    escaped.method = _bare(record.method)
    escaped.path = _bare(record.path)
    escaped.protocol = _bare(record.protocol)
    escaped.status = record.status
    escaped.grpc_status = record.grpc_status
    escaped.reason = record.reason
    escaped.flags = record.flags
    escaped.details = _bare(record.details.replace(" ", "_"))
    escaped.upstream_failure = _quoted(record.upstream_failure)
    escaped.bytes_received = record.bytes_received
    escaped.bytes_sent = record.bytes_sent
    escaped.start = record.start
    escaped.duration = record.duration
    escaped.upstream_duration = record.upstream_duration
    escaped.x_forwarded_for = _quoted(record.x_forwarded_for)
    escaped.user_agent = _quoted(record.user_agent)
    escaped.request_id = _quoted(record.request_id)
    escaped.authority = _quoted(record.authority)
    escaped.upstream_host = _quoted(record.upstream_host)
    escaped.cluster = _bare(record.cluster)
    escaped.upstream_local = _bare(record.upstream_local)
    escaped.downstream_local = _bare(record.downstream_local)
    escaped.downstream_remote = _bare(record.downstream_remote)
    escaped.server_name = _bare(record.server_name)
    escaped.route = _bare(record.route)
    return escaped


def _quoted(value: str) -> str:
    return value.encode("unicode_escape").decode("ascii").replace('"', '\\"')


def _bare(value: str) -> str:
    return _quoted(value).replace(" ", "\\x20")
