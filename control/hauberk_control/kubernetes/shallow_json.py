"""JSON that is nested too deep for the decoder, with the depths left out.

The API server takes ten thousand levels where a definition says nothing of what a field holds. The decoder takes some hundred,
and one object must not keep the others of its list from being read.
"""

import re
from typing import Final

DEEPEST: Final = 128
"""Levels that are kept: more than any object may have that we read, so that what was cut is refused for its depth."""

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def shallow(data: bytes) -> bytes:
    """The same with null wherever something is nested deeper than `DEEPEST` levels. What is cut is not looked at."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(data):
        match data[token.start()]:
            case 0x5B | 0x7B:
                depth += 1
                if depth == DEEPEST + 1:
                    kept.append(data[begin : token.start()])
            case 0x5D | 0x7D:
                depth -= 1
                if depth == DEEPEST:
                    kept.append(b"null")
                    begin = token.end()
    return b"".join([*kept, data[begin:]]) if depth <= DEEPEST else data
