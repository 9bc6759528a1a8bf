"""What proxies write of the client: `X-Forwarded-For`, and `Forwarded` (RFC 7239). Whether that is believed is not said here."""

import ipaddress
from typing import Final

# Longer than any address with a port, its brackets and quotes.
_LONGEST_NODE: Final = 64


def read_host(node: str) -> str:
    """The numeric host of `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`, in its shortest form.

    Returns: empty text where there is none, but a name, `unknown` or an obfuscated identifier.
    """
    text = node.strip(" \t")
    if len(text) > _LONGEST_NODE:
        return ""
    if text.startswith("["):
        text = text[1 : max(1, text.find("]"))]
    elif text.count(":") == 1:
        text = text[: text.find(":")]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return ""
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


class ForwardedElement:
    """What one proxy wrote: whom it was called by, and how."""

    __slots__ = ("node", "scheme")

    def __init__(self, node: str, scheme: str) -> None:
        self.node: Final = node
        """As written; empty: it does not say."""
        self.scheme: Final = scheme


def read_forwarded(value: str) -> list[ForwardedElement] | None:
    """The elements of a `Forwarded` field, the nearest proxy's last.

    Returns: None if the field is not well formed: then nobody knows which proxy wrote what.
    """
    elements: list[ForwardedElement] = []
    pairs: dict[str, str] = {}
    index = 0
    end = len(value)
    while True:
        index = _behind_blanks(value, index)
        start = index
        index = _behind_token(value, index)
        name = value[start:index].lower()
        if name:
            if index >= end or value[index] != "=" or name in pairs:
                return None
            index += 1
            start = index
            if index < end and value[index] == '"':
                index = _behind_quoted(value, index + 1)
                if index < 0:
                    return None
                pairs[name] = _unquoted(value[start + 1 : index - 1])
            else:
                index = _behind_token(value, index)
                pairs[name] = value[start:index]
        index = _behind_blanks(value, index)
        separator = value[index : index + 1]
        index += 1
        if separator == ";":
            continue
        if separator not in {"", ","}:
            return None
        elements.append(ForwardedElement(pairs.get("for", ""), pairs.get("proto", "").lower()))
        if not separator:
            return elements
        pairs = {}


def _behind_blanks(value: str, index: int) -> int:
    while index < len(value) and value[index] in " \t":
        index += 1
    return index


def _behind_token(value: str, index: int) -> int:
    while index < len(value) and value[index] not in '=,; \t"':
        index += 1
    return index


def _behind_quoted(value: str, index: int) -> int:
    """Behind the closing quote; -1: there is none."""
    while index < len(value):
        if value[index] == '"':
            return index + 1
        index += 2 if value[index] == "\\" else 1
    return -1


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    plain = ""
    index = 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        plain += text[index : index + 1]
        index += 1
    return plain


def forwarded_element(host: str, scheme: str, authority: str) -> str:
    """An element for `Forwarded`. Args: host - numeric; scheme, authority - empty: it does not say."""
    element = 'for="[' + host + ']"' if ":" in host else "for=" + host
    if scheme:
        element += ";proto=" + scheme
    return element + ';host="' + authority + '"' if authority else element
