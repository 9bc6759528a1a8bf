"""Heads of responses, held to the same rules as those of requests: what an endpoint sends must not split a response either."""

import re
from typing import Final

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import Violation
from hauberk_core.http.events import CHUNKED, COUNTED, NO_BODY, TUNNEL, UNTIL_CLOSE, Response
from hauberk_core.http.head import Fields, Limits, read_fields, split_lines, take_lines, too_large, too_many, unclean
from hauberk_core.http.repeat import RepeatedFields
from hauberk_core.model.reason import Reason

# RFC 9112 section 4; the space before an absent reason phrase is often left out and does no harm.
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (.*))?")


class ParsedResponse:
    """A response, and what its head says about the connection."""

    __slots__ = ("close", "keep_alive", "response")

    def __init__(self, response: Response, close: bool, keep_alive: bool) -> None:
        self.response: Final = response
        self.close: Final = close
        self.keep_alive: Final = keep_alive


def take_response_head(
    buffer: ReceiveBuffer, limits: Limits, repeated: RepeatedFields, method: str, upgrade: str
) -> ParsedResponse | None:
    """The next response, interim or final, or None until more octets come.

    Args: repeated - the connection's; method, upgrade - of the request that it answers.
    Raises: Violation, with whatever reason: to the client it is all the endpoint's fault.
    """
    line = repeated.take_first_line(buffer, limits.head_bytes)
    if line is not None:
        fields = repeated.fields()
    else:
        data = buffer.data
        start = buffer.start
        lines = take_lines(buffer, limits)
        if lines is None:
            end = buffer.find_blank_line(limits.head_bytes)
            if end < 0:
                if len(buffer) >= limits.head_bytes:
                    raise too_large(buffer.beginning(limits.head_bytes), "response's head", limits)
                return None
            octets = buffer.data[buffer.start : end]
            buffer.start = end + 4
            lines = split_lines(octets)
            if not lines:
                raise unclean(octets)
        if len(lines) - 1 > limits.header_count:
            raise too_many(lines[1:], "response", limits)
        line = lines[0]
        fields = read_fields(lines, 1)
        if buffer.data is data:
            repeated.remember(data, start + len(line), buffer.start, fields)
    status, reason, version = parse_status_line(line)
    response = build_response(status, reason, version, fields, method, upgrade)
    return ParsedResponse(response, fields.close, fields.keep_alive)


def parse_status_line(line: str) -> tuple[int, str, int]:
    """Read `version SP status SP reason` (RFC 9112 section 4). Returns: status, reason phrase, version. Raises: Violation."""
    if line == "HTTP/1.1 200 OK":
        return 200, "OK", 11
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Violation(Reason.UPSTREAM_PROTOCOL, "the status line " + repr(line[:64]) + " is malformed")
    reason: str | None = match.group(3)
    return int(match.group(2)), reason or "", 11 if match.group(1) == "1" else 10


def build_response(status: int, reason: str, version: int, fields: Fields, method: str, upgrade: str) -> Response:
    """Put a response together and settle its framing (RFC 9112 section 6.3). Raises: Violation."""
    headers = fields.headers
    response = Response(status, reason, version, headers)
    if fields.transfer_encoding:
        if fields.content_length >= 0:
            raise Violation(Reason.UPSTREAM_PROTOCOL, "there are both Content-Length and Transfer-Encoding")
        if version == 10:
            raise Violation(Reason.UPSTREAM_PROTOCOL, "there is a Transfer-Encoding in an HTTP/1.0 response")
        if fields.transfer_encoding != "chunked":
            coding = repr(fields.transfer_encoding[:64])
            raise Violation(Reason.UPSTREAM_PROTOCOL, "Transfer-Encoding " + coding + " is not chunked")
        response.framing = CHUNKED
    elif fields.content_length >= 0:
        response.framing = COUNTED
        response.length = fields.content_length
    else:
        response.framing = UNTIL_CLOSE
    if status == 204 or status < 200 or (status < 300 and method == "CONNECT"):
        # No body, whatever the fields say, and they must not say it (RFC 9110 section 8.6).
        headers.remove("content-length")
        response.length = 0
        response.framing = NO_BODY
        if status == 101:
            _read_switch(response, fields, upgrade)
        elif status >= 200 and method == "CONNECT":
            response.framing = TUNNEL
    elif status == 304 or method == "HEAD":
        # The fields speak of the body that a GET would have got.
        response.framing = NO_BODY
    elif status == 426 and fields.upgrade_option:
        response.upgrade = fields.upgrade
    return response


def _read_switch(response: Response, fields: Fields, upgrade: str) -> None:
    """RFC 9110 section 7.8: a switch must be to something that was asked for."""
    offered = [protocol.strip(" \t") for protocol in upgrade.lower().split(",")]
    if not fields.upgrade or not fields.upgrade_option or fields.upgrade.lower() not in offered:
        raise Violation(Reason.UPSTREAM_PROTOCOL, "it switches to " + repr(fields.upgrade[:64]) + ", which was not asked for")
    response.framing = TUNNEL
    response.upgrade = fields.upgrade
