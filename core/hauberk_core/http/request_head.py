"""Heads of requests: stricter than RFC 9112 asks, because what two parsers read differently is how requests are smuggled."""

import re
from typing import Final

from hauberk_core.http.authority import AUTHORITIES
from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import Violation
from hauberk_core.http.events import CHUNKED, COUNTED, Request
from hauberk_core.http.fields import TOKEN
from hauberk_core.http.head import Fields, Limits, plain, read_fields, split_lines, take_lines, too_large, too_many, unclean
from hauberk_core.http.repeat import RepeatedFields
from hauberk_core.http.upgrade import carries_requests
from hauberk_core.model.reason import Reason

# Registered methods have at most 17 characters.
METHOD_LIMIT: Final = 32

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"))
_VERSION: Final = re.compile(r"HTTP/[0-9]\.[0-9]")
_TOKEN_OCTETS: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CARRIAGE_RETURN: Final = 13


class RequestHeadReader:
    """Takes one request head after another off a buffer."""

    __slots__ = ("_begun", "_checked", "_limits", "_line_end", "_repeated", "_scheme", "_skipped", "close", "keep_alive")

    def __init__(self, scheme: str, limits: Limits) -> None:
        self._scheme: Final = scheme
        self._limits: Final = limits
        self._repeated: Final = RepeatedFields()
        self._begun = False
        self._skipped = False
        self._checked = 0
        """Octets of an incomplete head that were searched for LF."""
        self._line_end = -1
        """Where the request line of an incomplete head ends; -1: not yet known."""
        self.close = False
        """What the Connection field of the last head asked for, and so `keep_alive`."""
        self.keep_alive = False

    def read(self, buffer: ReceiveBuffer) -> Request | None:
        """The next request, or None until more octets come. Raises: Violation; the connection is then of no more use."""
        limits = self._limits
        if not self._begun:
            buffer.join()
            if not self._begin(buffer):
                return None
        line = self._repeated.take_first_line(buffer, limits.head_bytes)
        lines: list[str] | None = None
        data = buffer.data
        start = buffer.start
        if line is None:
            lines = take_lines(buffer, limits)
            if lines is None:
                end = buffer.find_blank_line(limits.head_bytes)
                if end < 0:
                    self._check_incomplete(buffer)
                    return None
                octets = buffer.data[buffer.start : end]
                buffer.start = end + 4
                lines = split_lines(octets)
                if not lines:
                    self._check_whole(octets)
                    raise unclean(octets)
            line = lines[0]
        if len(line) > limits.line_bytes:
            raise self._line_too_long()
        method, authority, path, query, version = parse_request_line(line, self._scheme)
        if lines is None:
            fields = self._repeated.fields()
        else:
            if len(lines) - 1 > limits.header_count:
                raise too_many(lines[1:], "request", limits)
            fields = read_fields(lines, 1)
            if buffer.data is data:
                self._repeated.remember(data, start + len(line), buffer.start, fields)
        request = build_request(method, authority, path, query, version, fields)
        self._begun = False
        self._skipped = False
        self._checked = 0
        self._line_end = -1
        self.close = fields.close
        self.keep_alive = fields.keep_alive
        return request

    def _begin(self, buffer: ReceiveBuffer) -> bool:
        """Look at the first octet. One empty line before a request is skipped (RFC 9112 section 2.2)."""
        data = buffer.data
        start = buffer.start
        if start >= len(data):
            return False
        if data[start] == _CARRIAGE_RETURN and not self._skipped:
            if start + 1 == len(data):
                return False
            if data[start + 1] == 10:
                self._skipped = True
                buffer.start = start + 2
                return self._begin(buffer)
        if data[start] not in _TOKEN_OCTETS:
            raise _bad_first_octet(data[start])
        self._begun = True
        return True

    def _check_whole(self, octets: bytes) -> None:
        """Judge a complete head that is not clean as if it had come in pieces."""
        buffer = ReceiveBuffer()
        buffer.hold(octets + b"\r\n")
        self._check_incomplete(buffer)

    def _check_incomplete(self, buffer: ReceiveBuffer) -> None:
        """Refuse what no further octet can mend, looking at every octet once.

        A bare LF is told at once: a client that ends its lines so would wait for an answer, and we for the blank line.
        """
        limits = self._limits
        while True:
            found = buffer.line_feed(self._checked)
            if self._line_end < 0:
                too_long = found > limits.line_bytes + 1 or (found < 0 and len(buffer) >= limits.line_bytes + 2)
                if too_long and limits.line_bytes + 2 <= limits.head_bytes:
                    raise self._line_too_long()
            if found < 0 or found >= limits.head_bytes:
                break
            if found == 0 or buffer.octet(found - 1) != _CARRIAGE_RETURN:
                raise Violation(Reason.BAD_REQUEST, "a line of the head ends in LF without CR")
            self._checked = found + 1
            if self._line_end < 0:
                self._line_end = found - 1
                parse_request_line(buffer.beginning(self._line_end).decode("latin-1"), self._scheme)
        self._checked = len(buffer)
        if len(buffer) >= limits.head_bytes:
            raise too_large(buffer.beginning(limits.head_bytes), "request's head", limits)

    def _line_too_long(self) -> Violation:
        limit = plain(self._limits.line_bytes)
        return Violation(
            Reason.LINE_TOO_LONG, "the request line is longer than " + limit + " octets (setting limits.request_line_bytes)"
        )


def _bad_first_octet(octet: int) -> Violation:
    return Violation(Reason.BAD_REQUEST, "no request begins with the octet " + str(octet))


def parse_request_line(line: str, scheme: str) -> tuple[str, str, str, str, int]:
    """Read `method SP target SP version` (RFC 9112 section 3), with exactly one space each.

    Args: scheme - of the connection, which an absolute target must not contradict.
    Returns: method, authority (empty where the target has none), path, query with its `?`, version (10 or 11).
    Raises: Violation.
    """
    parts = line.split(" ")
    if len(parts) != 3:
        raise _judge_line(line, parts)
    method = parts[0]
    target = parts[1]
    if parts[2] == "HTTP/1.1":
        version = 11
    elif parts[2] == "HTTP/1.0":
        version = 10
    else:
        raise _judge_line(line, parts)
    if method not in _METHODS and (len(method) > METHOD_LIMIT or TOKEN.fullmatch(method) is None):
        raise _judge_line(line, parts)
    # VCHAR only. A fragment never travels (RFC 9112 section 3.2); who sends one hopes that somebody behind us cuts it off.
    if not target or not target.isascii() or not target.isprintable() or "#" in target:
        raise Violation(Reason.BAD_REQUEST, "the request target holds a character that is not allowed there")
    if method == "CONNECT":
        if not AUTHORITIES.valid(target) or target[-1] == "]" or ":" not in target:
            raise Violation(Reason.BAD_REQUEST, "the target of CONNECT must be host and port")
        return method, target, "", "", version
    if target[0] == "/":
        mark = target.find("?")
        if mark < 0:
            return method, "", target, "", version
        return method, "", target[:mark], target[mark:], version
    if target == "*":
        if method != "OPTIONS":
            raise Violation(Reason.BAD_REQUEST, "the target * belongs to OPTIONS only")
        return method, "", "*", "", version
    authority, path, query = _parse_absolute(target, scheme)
    if not path:
        # RFC 9112 section 3.2.4: OPTIONS for a whole server comes so through a proxy.
        path = "*" if method == "OPTIONS" and not query else "/"
    return method, authority, path, query, version


def _parse_absolute(target: str, scheme: str) -> tuple[str, str, str]:
    """Read an absolute-form target (RFC 9112 section 3.2.2). Returns: authority, path, query."""
    mark = target.find("://")
    asked = target[: max(0, mark)].lower()
    if asked not in {"http", "https"}:
        raise Violation(Reason.BAD_REQUEST, "the request target is neither a path nor an http or https URL")
    if asked == "https" and scheme != "https":
        # RFC 9110 section 7.4.
        raise Violation(Reason.BAD_REQUEST, "the request target is an https URL on a connection without TLS")
    rest = target[mark + 3 :]
    question = rest.find("?")
    before = rest if question < 0 else rest[:question]
    query = "" if question < 0 else rest[question:]
    slash = before.find("/")
    authority = before if slash < 0 else before[:slash]
    path = "" if slash < 0 else before[slash:]
    if not AUTHORITIES.valid(authority):
        raise Violation(
            Reason.BAD_REQUEST, "the target's authority " + repr(authority[:64]) + " is not a host with or without a port"
        )
    return authority, path, query


def _judge_line(line: str, parts: list[str]) -> Violation:
    """Say what is wrong with a request line that is not of the usual shape."""
    first = ord(line[0]) if line else _CARRIAGE_RETURN
    if first not in _TOKEN_OCTETS:
        return _bad_first_octet(first)
    if len(parts) != 3:
        return Violation(Reason.BAD_REQUEST, "the request line is not method, target and version with one space between them")
    if parts[2] != "HTTP/1.1" and parts[2] != "HTTP/1.0":
        if _VERSION.fullmatch(parts[2]) is not None:
            return Violation(Reason.VERSION_NOT_SUPPORTED, parts[2] + " is not served; HTTP/1.1 and HTTP/1.0 are")
        return Violation(Reason.BAD_REQUEST, "the request line does not end in an HTTP version")
    if TOKEN.fullmatch(parts[0]) is None:
        return Violation(Reason.BAD_REQUEST, "the method is not a token")
    return Violation(Reason.NOT_IMPLEMENTED, "the method is longer than " + str(METHOD_LIMIT) + " characters")


def build_request(method: str, authority: str, path: str, query: str, version: int, fields: Fields) -> Request:
    """Put a request together and settle its framing (RFC 9112 section 6.3). Raises: Violation."""
    headers = fields.headers
    host = fields.host
    if fields.host_count == 1:
        # RFC 9112 section 3.2; an empty Host is for targets without an authority, which a proxy cannot route.
        if not AUTHORITIES.valid(host):
            raise Violation(Reason.BAD_REQUEST, "Host " + repr(host[:64]) + " is not a host with or without a port")
        if not authority:
            authority = host
        elif authority != host:
            # The target decides (RFC 9112 section 3.2.2).
            headers.set("Host", authority)
    elif fields.host_count or version == 11:
        raise Violation(Reason.BAD_REQUEST, "there are two Host fields" if fields.host_count else "there is no Host field")
    else:
        headers.names.insert(0, "host")
        headers.lines.insert(0, "Host: " + authority)
    request = Request(method, authority, path, query, version, headers)
    if fields.transfer_encoding:
        _check_transfer_encoding(version, fields)
        request.framing = CHUNKED
    elif fields.content_length >= 0:
        request.framing = COUNTED
        request.length = fields.content_length
    if method == "CONNECT" and request.framing:
        raise Violation(Reason.BAD_REQUEST, "a CONNECT request has a body")
    if fields.expect:
        _read_expect(request, fields.expect)
    if fields.upgrade and fields.upgrade_option and version == 11:
        _read_upgrade(request, fields.upgrade)
    return request


def _check_transfer_encoding(version: int, fields: Fields) -> None:
    coding = fields.transfer_encoding
    if fields.content_length >= 0:
        # RFC 9112 section 6.1 lets a server refuse, and a proxy that guesses is how requests are smuggled.
        raise Violation(Reason.BAD_REQUEST, "there are both Content-Length and Transfer-Encoding")
    if version == 10:
        raise Violation(Reason.BAD_REQUEST, "there is a Transfer-Encoding in an HTTP/1.0 request")
    if coding == "chunked":
        return
    if coding.endswith("chunked") and coding.count("chunked") == 1:
        raise Violation(Reason.NOT_IMPLEMENTED, "Transfer-Encoding " + repr(coding[:64]) + " is not served; chunked alone is")
    if TOKEN.fullmatch(coding) is not None:
        raise Violation(Reason.NOT_IMPLEMENTED, "Transfer-Encoding " + repr(coding[:64]) + " is not served; chunked is")
    raise Violation(Reason.BAD_REQUEST, "Transfer-Encoding " + repr(coding[:64]) + " is not chunked")


def _read_upgrade(request: Request, upgrade: str) -> None:
    """RFC 9110 section 7.8. To ignore an upgrade is always allowed: to what would carry requests, and behind a body, because
    parsers differ about where that ends and the tunnel begins.
    """
    if request.framing == CHUNKED or request.length:
        return
    for protocol in upgrade.split(","):
        if carries_requests(protocol.strip()):
            return
    request.upgrade = upgrade


def _read_expect(request: Request, expect: str) -> None:
    """RFC 9110 section 10.1.1. The field is forwarded where the client really waits."""
    if request.version == 11:
        if expect != "100-continue":
            raise Violation(Reason.EXPECTATION_FAILED, "Expect " + repr(expect[:64]) + " is not 100-continue")
        request.expects_continue = request.framing == CHUNKED or request.length > 0
    if not request.expects_continue:
        request.headers.remove("expect")
