"""The 61 fields that both ends of HPACK know from the beginning (RFC 7541 appendix A)."""

from typing import Final

_FIELDS: Final = """
:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""


def _read() -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in _FIELDS.split("\n")[1:-1]:
        colon = line.find(": ")
        fields.append((line, "") if colon < 0 else (line[:colon], line[colon + 2 :]))
    return fields


STATIC_FIELDS: Final = _read()
"""Name and value; the first has index 1."""
