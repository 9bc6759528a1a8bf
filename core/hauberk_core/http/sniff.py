"""Whether the first octets of a connection are the beginning of HTTP, or of anything else.

A request line ends with a version (RFC 9112 section 3), and nothing else has that: so the whole first line is waited for, within
a bound. Whoever tolerates empty lines before it (section 2.2), or blanks, is tolerated here too: what any server might take for a
request must not pass as something else, around the rules for requests. HTTP/2's preface (RFC 9113 section 3.4) begins with such a
line, too.
"""

import re
from typing import Final

IS_HTTP: Final = 1
IS_OTHER: Final = 2
UNDECIDED: Final = 3

# The longest request line that a listener takes by default; something longer is not waited for.
SNIFF_BYTES: Final = 32768
# Registered methods (https://www.iana.org/assignments/http-methods) are shorter, the longest having 16 letters.
_LONGEST_METHOD: Final = 32

_BLANK: Final = b"\r\n \t"
_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE: Final = re.compile(rb"[^ \t]+[ \t].*HTTP/1\.[0-9][ \t]*\r?|PRI \* HTTP/2\.0\r", re.DOTALL)
_COMMON: Final = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)[ \t]")


def sniff(data: bytes) -> int:
    """What these octets, the first of a connection, begin: IS_HTTP, IS_OTHER, or UNDECIDED: more are needed."""
    start = data.lstrip(_BLANK)
    if not start:
        return UNDECIDED if len(data) < SNIFF_BYTES else IS_OTHER
    end = start.find(b"\n")
    line = start if end < 0 else start[:end]
    method = _METHOD.match(line)
    if method is None or method.end() > _LONGEST_METHOD:
        return IS_OTHER
    if end >= 0:
        return IS_HTTP if _REQUEST_LINE.fullmatch(line) is not None else IS_OTHER
    if method.end() < len(line) and line[method.end()] not in b" \t":
        return IS_OTHER
    return UNDECIDED if len(data) < SNIFF_BYTES else guess(data)


def guess(data: bytes) -> int:
    """As `sniff`, where nothing more is waited for: a line that begins as requests do counts as one."""
    found = sniff(data) if len(data) < SNIFF_BYTES else UNDECIDED
    if found != UNDECIDED:
        return found
    return IS_HTTP if _COMMON.match(data.lstrip(_BLANK)) is not None else IS_OTHER
