"""Which texts may stand in an HTTP message, so that nothing a person configures can break one.

Each function returns None for a good text, else a pair: what is wrong, and what to write instead.
"""

import re
from typing import Final

from hauberk_core.model.address import is_host_name, is_ip_address, parse_address
from hauberk_core.model.errors import quote

Fault = tuple[str, str]

RULE: Final = "rule"
"""Under this name the metadata of a type may hold a function of this kind, which its texts then follow (see `shape`)."""

LONGEST_PATH: Final = 1024
"""Gateway API's bound on a path in a match or filter."""
LONGEST_HEADER_VALUE: Final = 4096
"""Gateway API's bound on a header value."""
LONGEST_NAME: Final = 512
"""Bound on names of resources and headers: room for namespace, object and rule, and for mesh-style cluster names."""

# RFC 9110 section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 section 5.5, without obs-text at either end: a recipient would strip blanks there.
_FIELD_VALUE: Final = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
# RFC 3986 section 3.3 (pchar and slash); percent signs must begin an escape.
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
# RFC 6454 section 6.1, where the host may be `*` or begin with `*.`.
_ORIGIN: Final = re.compile(r"https?://(?:\*|(?:\*\.)?(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+)(?::[0-9]{1,5})?")
_RESOURCE_NAME: Final = re.compile(r"[!#-\[\]-~]+")
_GRPC_SERVICE: Final = re.compile(r"\.?[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*")
_GRPC_METHOD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_STANDARD_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")

# Each hop decides these for itself (RFC 9110 section 7.6.1, RFC 9112 section 6); a configured one would desynchronise peers.
_FRAMING_FIELDS: Final = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)


def resource_name(text: str) -> Fault | None:
    """A name under which something is configured: visible ASCII, because it reaches logs and metrics."""
    if len(text) > LONGEST_NAME:
        return f"this name has {len(text)} characters, {LONGEST_NAME} are allowed", "shorten it"
    if _RESOURCE_NAME.fullmatch(text) is None:
        return f"{quote(text)} is no name", "write letters, digits and signs, without blanks, quotes and backslashes"
    return None


def method(text: str) -> Fault | None:
    """A request method; case counts (RFC 9110 section 9.1)."""
    if _TOKEN.fullmatch(text) is None or len(text) > LONGEST_NAME:
        return f"{quote(text)} is no method", "write one method, for example GET; leave it out for any"
    if text not in _STANDARD_METHODS and text.upper() in _STANDARD_METHODS:
        return f"no client sends the method {quote(text)}: case counts", f"write {text.upper()}"
    return None


def grpc_service(text: str) -> Fault | None:
    """A gRPC service with its package, as Protocol Buffers name them."""
    if _GRPC_SERVICE.fullmatch(text) is None or len(text) > LONGEST_PATH:
        return f"{quote(text)} is no service's name", "write it with its package, for example books.v1.Reviews"
    return None


def grpc_method(text: str) -> Fault | None:
    """A method of a gRPC service, as Protocol Buffers name them."""
    if _GRPC_METHOD.fullmatch(text) is None or len(text) > LONGEST_PATH:
        return f"{quote(text)} is no method's name", "write for example GetReviews"
    return None


def header_name(text: str) -> Fault | None:
    """A header field's name."""
    if text.startswith(":"):
        return f"{quote(text)} is no header name", "match on path, method or hosts instead of pseudo-headers"
    if _TOKEN.fullmatch(text) is None or len(text) > LONGEST_NAME:
        return f"{quote(text)} is no header name", "write letters, digits and dashes, for example x-user-group"
    return None


def cookie_name(text: str) -> Fault | None:
    """The name of a cookie (RFC 6265 section 4.1.1)."""
    if _TOKEN.fullmatch(text) is None or len(text) > LONGEST_NAME:
        return f"{quote(text)} is no cookie's name", "write letters, digits and dashes, for example shop-session"
    return None


def cookie_path(text: str) -> Fault | None:
    """The path of a cookie (RFC 6265 section 4.1.1)."""
    if not text.startswith("/") or ";" in text or not text.isascii() or not text.isprintable() or len(text) > LONGEST_PATH:
        return f"{quote(text)} is no path of a cookie", "write for example /shop"
    return None


def changeable_header_name(text: str) -> Fault | None:
    """The name of a header field that configuration may set, add or remove."""
    fault = header_name(text)
    if fault is not None:
        return fault
    if text.lower() in _FRAMING_FIELDS:
        return f"{quote(text)} belongs to the connection; the proxy alone writes it", "leave it out"
    if text.lower() == "host":
        return "Host cannot be changed as a header", "use the route's rewrite.host"
    return None


def header_value(text: str) -> Fault | None:
    """A header field's value; it may be empty."""
    if len(text) > LONGEST_HEADER_VALUE:
        return f"this header value has {len(text)} characters, {LONGEST_HEADER_VALUE} are allowed", "shorten it"
    if text and _FIELD_VALUE.fullmatch(text) is None:
        if text != text.strip():
            return f"{quote(text)} begins or ends with a blank, which every recipient strips", "remove the blank"
        return f"{quote(text)} cannot be a header value", "use visible latin-1 characters, blanks and tabs; percent-encode others"
    return None


def path(text: str) -> Fault | None:
    """An absolute path, percent-encoded, without query."""
    if len(text) > LONGEST_PATH:
        return f"this path has {len(text)} characters, {LONGEST_PATH} are allowed", "shorten it"
    if not text.startswith("/"):
        return f"the path {quote(text)} is not absolute", f"begin it with a slash: {quote('/' + text)}"
    if "?" in text:
        return f"the path {quote(text)} has a query", "match query parameters with 'query'"
    if "#" in text:
        return f"the path {quote(text)} has a fragment, which clients never send", "remove it from '#' on"
    if _PATH.fullmatch(text) is None:
        return f"{quote(text)} is no URL path", "percent-encode blanks and other special characters, for example %20"
    return None


def matched_path(text: str) -> Fault | None:
    """A path to match exactly or by its elements: also without dot segments, as in Gateway API."""
    fault = path(text)
    if fault is not None:
        return fault
    for part in ("//", "/./", "/../"):
        if part in text:
            return f"the path {quote(text)} holds {part!r}", "write it as clients ask for it, without such segments"
    if text.endswith(("/.", "/..")):
        return f"the path {quote(text)} ends in a dot segment", "write the path as clients ask for it"
    if "%2f" in text.lower():
        return f"the path {quote(text)} holds an encoded slash", "match such paths by a regex"
    return None


def host_pattern(text: str) -> Fault | None:
    """What a virtual host or a chain answers to: a name, `*.name`, or an IP address; `*` is for the caller to allow."""
    name = text.removeprefix("*.")
    if is_host_name(name) or (name == text and is_ip_address(text)):
        return None
    if not text.isascii():
        return f"{quote(text)} is no host name", "write international names in their ASCII form (xn--...)"
    if "*" in name:
        return f"{quote(text)} has '*' in the wrong place", "write '*' only as the whole first label: *.example.test"
    if "://" in text or "/" in text:
        return f"{quote(text)} is a URL, not a host name", "write only the host, for example bookshop.test"
    if ":" in text:
        return f"{quote(text)} has a port; every port is matched", f"write {quote(text.rpartition(':')[0])}"
    return f"{quote(text)} is no host name", "write for example bookshop.test or *.bookshop.test"


def authority(text: str) -> Fault | None:
    """A host with or without port, as it stands in Host."""
    if is_host_name(text) or (text.startswith("[") and text.endswith("]") and ":" in text and is_ip_address(text[1:-1])):
        return None
    try:
        if ":" in text and parse_address(text).host:
            return None
    except ValueError:
        pass
    return f"{quote(text)} is no host", "write a host name, with a port where wanted: reviews.test:9080"


def origin_pattern(text: str) -> Fault | None:
    """`*`, or an origin whose host may be `*` or begin with `*.`."""
    if text == "*" or _ORIGIN.fullmatch(text):
        return None
    return f"{quote(text)} is no origin", "write scheme and host, for example https://bookshop.test, or *"
