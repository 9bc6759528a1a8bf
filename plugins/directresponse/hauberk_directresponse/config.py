"""What the configuration says to this plugin, in the form of `http.directResponse` of Istio's VirtualService."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model import syntax
from hauberk_core.model.plugin import read_config

# What the proxy takes for an answer of a plugin; a longer one belongs to a service.
LARGEST_BODY: Final = 1 << 20
_WITHOUT_BODY: Final = (204, 205, 304)


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of the two."""

    string: str | None = None
    """Text; it is sent as UTF-8."""
    octets: bytes | None = msgspec.field(default=None, name="bytes")
    """In base64."""


class DirectResponseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    body: Body | None = None
    headers: Annotated[dict[str, str], msgspec.Meta(max_length=64)] = {}
    """More fields of it; without a Content-Type a text has `text/plain; charset=utf-8`."""


def read_answer(config: dict[str, object]) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Check a configuration.

    Returns: status, body, and fields. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person.
    """
    read = read_config(config, DirectResponseConfig)
    headers = list(read.headers.items())
    for name, value in headers:
        fault = syntax.changeable_header_name(name) or syntax.header_value(value)
        if fault is not None:
            raise ValueError(f"headers.{name[:64]}: {fault[0]}; {fault[1]}")
    if read.body is None:
        return read.status, b"", headers
    text, octets = read.body.string, read.body.octets
    if (text is None) == (octets is None):
        raise ValueError("body wants exactly one of string and bytes")
    content = octets if octets is not None else (text or "").encode()
    if len(content) > LARGEST_BODY:
        raise ValueError(f"the body has {len(content)} octets; more than {LARGEST_BODY} are for a service to answer")
    if content and read.status in _WITHOUT_BODY:
        raise ValueError(f"an answer with status {read.status} has no body (RFC 9110 section 15); leave the body out")
    if text is not None and not any(name.lower() == "content-type" for name in read.headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    return read.status, content, headers
