"""The part that requests and responses share: a head is a first line, header lines and a blank line (RFC 9112 section 2.1).

One pass over the octets with C-level operations tells whether the whole head is clean; then each line costs one search and one
table look-up. Everything unusual leaves this path and is judged slowly.

Faults do not depend on how the octets were cut into reads: whatever can be told before the head is complete is judged in the
order of its place, and the rest once it is complete.
"""

from typing import Final

from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import Violation
from hauberk_core.http.fields import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FIELD_NAMES,
    HOST,
    NOT_REMOVABLE,
    TE,
    TOKEN,
    TRANSFER_ENCODING,
    UPGRADE,
    FieldName,
    acted_on,
)
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason

# What a line may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5).
TEXT: Final = bytes([9, *range(32, 127), *range(128, 256)])

# 999 PiB: a longer one overflows counters elsewhere and helps nobody.
CONTENT_LENGTH_DIGITS: Final = 18
# Options in Connection; browsers send two.
CONNECTION_OPTIONS: Final = 32


class Limits:
    """The limits of a machine as plain attributes, which compiled code reads fast."""

    __slots__ = ("body_bytes", "head_bytes", "header_count", "line_bytes")

    def __init__(self, limits: HttpLimits) -> None:
        self.head_bytes: Final[int] = limits.head_bytes
        self.line_bytes: Final[int] = limits.request_line_bytes
        self.header_count: Final[int] = limits.header_count
        self.body_bytes: Final[int] = limits.body_bytes


class Fields:
    """The header lines of a message: those to forward, and what the others say about this hop."""

    __slots__ = (
        "close",
        "content_length",
        "expect",
        "headers",
        "host",
        "host_count",
        "keep_alive",
        "nominated",
        "te_trailers",
        "transfer_encoding",
        "upgrade",
        "upgrade_option",
    )

    def __init__(self) -> None:
        self.headers = Headers()
        self.host = ""
        self.host_count = 0
        self.content_length = -1
        """-1: none."""
        self.transfer_encoding = ""
        self.close = False
        self.keep_alive = False
        self.upgrade_option = False
        self.upgrade = ""
        self.te_trailers = False
        self.expect = ""
        self.nominated: list[str] | None = None


def plain(number: int) -> str:
    """A number for a person, with commas."""
    return format(number, ",")


def read_fields(lines: list[str], first: int) -> Fields:
    """Read header lines whose octets are already known to be TEXT.

    Args: lines - without their CRLF; first - index of the first header line.
    Returns: the fields; hop-by-hop ones (RFC 9110 section 7.6.1) are taken out of the headers.
    Raises: Violation.
    """
    fields = Fields()
    names = fields.headers.names
    kept = fields.headers.lines
    known = FIELD_NAMES.known
    for index in range(first, len(lines)):
        line = lines[index]
        colon = line.find(": ")
        field: FieldName | None = None
        # Below 33 are the blanks. The last test goes before the first: a value of nothing then needs no case of its own.
        if colon > 0 and ord(line[-1]) > 32 and ord(line[colon + 2]) > 32:
            field = known.get(line[:colon])
        if field is None:
            line = canonical(line)
            colon = line.find(":")
            name = line[:colon]
            field = known.get(name)
            if field is None:
                field = FIELD_NAMES.learn(name)
        if field.code and not read_hop_field(fields, field.code, line[colon + 2 :]):
            continue
        names.append(field.name)
        kept.append(line)
    if fields.nominated is not None:
        for name in fields.nominated:
            fields.headers.remove(name)
    return fields


def canonical(line: str) -> str:
    """A header line as it is forwarded: name, colon, one space, value without surrounding blanks.

    Raises: Violation for a continuation line (RFC 9112 section 5.2), a missing colon, or a blank before it (section 5.1).
    """
    if line[:1] == " " or line[:1] == "\t":
        raise Violation(Reason.BAD_REQUEST, "a header line begins with a blank; folded lines are not accepted")
    colon = line.find(":")
    if colon < 0:
        raise Violation(Reason.BAD_REQUEST, "the header line " + repr(line[:64]) + " has no colon")
    return line[:colon] + ": " + line[colon + 1 :].strip(" \t")


def read_hop_field(fields: Fields, code: int, value: str) -> bool:
    """Act on a field that concerns this hop. Returns: whether its line is forwarded. Raises: Violation."""
    if code == HOST:
        fields.host = value
        fields.host_count += 1
        return True
    if code == CONNECTION:
        if value == "keep-alive":
            fields.keep_alive = True
        else:
            read_connection(fields, value.lower())
        return False
    if code == CONTENT_LENGTH:
        if fields.content_length >= 0:
            raise Violation(Reason.BAD_REQUEST, "there are two Content-Length fields")
        fields.content_length = read_content_length(value)
        return True
    if code == TRANSFER_ENCODING:
        # A repeated field is a list (RFC 9110 section 5.3); no list is accepted, so joining it is enough to refuse it.
        fields.transfer_encoding = (
            value.lower() if not fields.transfer_encoding else fields.transfer_encoding + ", " + value.lower()
        )
        if not fields.transfer_encoding:
            raise Violation(Reason.BAD_REQUEST, "Transfer-Encoding is empty")
        return False
    if code == UPGRADE:
        fields.upgrade = value if not fields.upgrade else fields.upgrade + ", " + value
        return False
    if code == EXPECT:
        fields.expect = value.lower() if not fields.expect else fields.expect + ", " + value.lower()
        return True
    if code == TE:
        # The codings it lists are this hop's business; that trailers are welcome is the one thing worth passing on.
        if not fields.te_trailers and "trailers" in [option.strip(" \t") for option in value.lower().split(",")]:
            fields.te_trailers = True
            fields.headers.add("TE", "trailers")
        return False
    return False


def read_content_length(value: str) -> int:
    """Digits and nothing else (RFC 9110 section 8.6). Leading zeros are refused: some parsers read octal. Raises: Violation."""
    if not value.isdecimal():
        raise Violation(Reason.BAD_REQUEST, "Content-Length " + repr(value[:32]) + " is not one decimal number")
    if len(value) > CONTENT_LENGTH_DIGITS:
        raise Violation(Reason.BAD_REQUEST, "Content-Length has more than " + str(CONTENT_LENGTH_DIGITS) + " digits")
    if len(value) > 1 and value[0] == "0":
        raise Violation(Reason.BAD_REQUEST, "Content-Length " + value + " has leading zeros")
    return int(value)


def read_connection(fields: Fields, value: str) -> None:
    """Read Connection's options (RFC 9110 section 7.6.1). Raises: Violation."""
    options = value.split(",")
    if len(options) > CONNECTION_OPTIONS:
        raise Violation(Reason.BAD_REQUEST, "Connection has more than " + str(CONNECTION_OPTIONS) + " options")
    for raw in options:
        option = raw.strip(" \t")
        if option == "close":
            fields.close = True
        elif option == "keep-alive":
            fields.keep_alive = True
        elif option == "upgrade":
            fields.upgrade_option = True
        elif option and TOKEN.fullmatch(option) is None:
            raise Violation(Reason.BAD_REQUEST, "the option " + repr(option[:64]) + " of Connection is not a token")
        elif option and option not in NOT_REMOVABLE and not acted_on(option):
            if fields.nominated is None:
                fields.nominated = []
            fields.nominated.append(option)


def split_lines(octets: bytes) -> list[str]:
    """Cut a head (without its final blank line) or a trailer section into lines.

    Returns: the lines, or an empty list if a line holds anything but TEXT: a control character, a CR or an LF of its own.
    """
    lines = octets.decode("latin-1").split("\r\n")
    # Each separator leaves two octets here; any other CR, LF or control character makes it more.
    if len(octets.translate(None, TEXT)) != 2 * (len(lines) - 1):
        return []
    return lines


def take_lines(buffer: ReceiveBuffer, limits: Limits) -> list[str] | None:
    """Take the head that is all the buffer holds, the usual case, without a search for its end.

    Returns: its lines; None if the buffer holds something else, or the head needs a closer look: nothing is then taken.
    """
    if not buffer.ends_in_blank_line(limits.head_bytes):
        return None
    lines = split_lines(buffer.data[buffer.start : -4])
    if not lines or "" in lines:
        return None
    buffer.start = len(buffer.data)
    return lines


def unclean(octets: bytes) -> Violation:
    """Say which octet of a head is not allowed there."""
    rest = octets.replace(b"\r\n", b"")
    wrong = rest.translate(None, TEXT)
    names = {0: "NUL", 10: "a bare LF", 13: "a bare CR"}
    return Violation(Reason.BAD_REQUEST, "the head holds " + names.get(wrong[0], "the control character " + str(wrong[0])))


def too_large(octets: bytes, what: str, limits: Limits) -> Violation:
    """Say what makes a head (or its beginning, as far as the limit reaches) too large."""
    largest = ""
    size = 0
    for line in octets.split(b"\r\n")[1:]:
        if len(line) > size:
            size = len(line)
            largest = line[: max(0, line.find(b":"))].decode("latin-1")
    return Violation(
        Reason.HEAD_TOO_LARGE,
        "the "
        + what
        + " is longer than "
        + plain(limits.head_bytes)
        + " octets; its largest header so far is "
        + repr(largest[:64])
        + " with "
        + plain(size)
        + " octets (setting limits.head_bytes)",
    )


def too_many(lines: list[str], what: str, limits: Limits) -> Violation:
    """Say that there are too many header lines, and which is the largest."""
    largest = max(lines, key=len)
    return Violation(
        Reason.HEAD_TOO_LARGE,
        "the "
        + what
        + " has "
        + plain(len(lines))
        + " header lines where "
        + plain(limits.header_count)
        + " are allowed; the largest is "
        + repr(largest[: max(0, largest.find(":"))][:64])
        + " with "
        + plain(len(largest))
        + " octets (setting limits.header_count)",
    )


def take_trailers(buffer: ReceiveBuffer, limits: Limits) -> list[str] | None:
    """Take a trailer section (RFC 9112 section 7.1.2), without its end, off the buffer.

    Returns: its lines, or None if it is not yet complete. Raises: Violation.
    """
    end = buffer.find_blank_line(limits.head_bytes)
    if end < 0:
        if len(buffer) >= limits.head_bytes:
            buffer.join()
            raise too_large(b"\r\n" + buffer.data[buffer.start : buffer.start + limits.head_bytes], "trailer section", limits)
        return None
    octets = buffer.data[buffer.start : end]
    buffer.start = end + 4
    lines = split_lines(octets)
    if not lines:
        raise unclean(octets)
    if len(lines) > limits.header_count:
        raise too_many(lines, "trailer section", limits)
    return lines
