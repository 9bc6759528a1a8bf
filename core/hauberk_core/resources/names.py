"""The forms of names in Kubernetes, as rules: each returns None for a good text, else what is wrong and what to write instead.

Sources: RFC 1123 section 2.1 as Kubernetes reads it (lower case only), and its API conventions for labels and qualified names.
"""

import re
from typing import Annotated, Final

from hauberk_core.model.errors import quote
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.part import follows

LONGEST_LABEL: Final = 63
LONGEST_SUBDOMAIN: Final = 253

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
_KIND: Final = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
_DATA_KEY: Final = re.compile(r"[A-Za-z0-9._-]+")


def dns_label(text: str) -> Fault | None:
    """One label of a DNS name, as for namespaces and services."""
    if len(text) > LONGEST_LABEL:
        return f"this name has {len(text)} characters, {LONGEST_LABEL} are allowed", "shorten it"
    if _LABEL.fullmatch(text) is None:
        return f"{quote(text)} is no name", f"write lower case letters, digits and dashes{_repaired(text)}"
    return None


def dns_subdomain(text: str) -> Fault | None:
    """A DNS name, as for most objects."""
    if len(text) > LONGEST_SUBDOMAIN:
        return f"this name has {len(text)} characters, {LONGEST_SUBDOMAIN} are allowed", "shorten it"
    if _SUBDOMAIN.fullmatch(text) is None:
        return f"{quote(text)} is no name", f"write lower case letters, digits, dashes and dots{_repaired(text)}"
    return None


def api_group(text: str) -> Fault | None:
    """An API group; the core group's name is empty."""
    return dns_subdomain(text) if text else None


def kind_name(text: str) -> Fault | None:
    """The kind of an object."""
    if len(text) > LONGEST_LABEL or _KIND.fullmatch(text) is None:
        return f"{quote(text)} is no kind", "write for example Service"
    return None


def qualified_name(text: str) -> Fault | None:
    """The key of a label or an annotation: a name, with a DNS name and a slash before it where wanted."""
    prefix, slash, name = text.rpartition("/")
    if slash:
        fault = dns_subdomain(prefix)
        if fault is not None:
            return f"{quote(text)} begins with {quote(prefix)}, which is no DNS name", "write for example example.com/name"
    if not name or len(name) > LONGEST_LABEL or _LABEL_VALUE.fullmatch(name) is None:
        return (
            f"{quote(text)} is no key",
            "write at most 63 letters, digits, dashes, dots and underscores, as in app or example.com/app",
        )
    return None


def label_value(text: str) -> Fault | None:
    """The value of a label; it may be empty."""
    if len(text) > LONGEST_LABEL:
        return f"this label's value has {len(text)} characters, {LONGEST_LABEL} are allowed", "shorten it, or use an annotation"
    if _LABEL_VALUE.fullmatch(text) is None:
        return (
            f"{quote(text)} cannot be a label's value",
            "write letters, digits, dashes, dots and underscores; both ends a letter or digit",
        )
    return None


def data_key(text: str) -> Fault | None:
    """The name of an entry of a Secret."""
    if len(text) > LONGEST_SUBDOMAIN or _DATA_KEY.fullmatch(text) is None:
        return f"{quote(text)} is no entry's name", "write letters, digits, dashes, dots and underscores, as in tls.crt"
    return None


def _repaired(text: str) -> str:
    """What the author may have meant, if it is plain."""
    meant = text.strip().lower().replace("_", "-").replace(" ", "-")
    return f": {meant}" if meant != text and _SUBDOMAIN.fullmatch(meant) else "; both ends a letter or digit"


Label = Annotated[str, follows(dns_label)]
Subdomain = Annotated[str, follows(dns_subdomain)]
Group = Annotated[str, follows(api_group)]
Kind = Annotated[str, follows(kind_name)]
QualifiedName = Annotated[str, follows(qualified_name)]
Labels = dict[QualifiedName, Annotated[str, follows(label_value)]]
