"""Conditions on headers and changes to them, as HTTPRoute and GRPCRoute have them."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault, changeable_header_name, header_name, header_value
from hauberk_core.resources.part import Part, follows, repeated
from hauberk_core.resources.pattern import wrong_pattern


def modified_header_name(text: str) -> Fault | None:
    """The name of a header that a filter may change."""
    if text.lower() == "host":
        return "Host cannot be changed as a header", "write a filter of the type URLRewrite with a hostname"
    return changeable_header_name(text)


class HttpHeaderMatch(Part, frozen=True, kw_only=True):
    """A condition on a header; of several with one name the first counts."""

    name: Annotated[str, follows(header_name)]
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    type: Literal["Exact", "RegularExpression"] = "Exact"

    def mistakes(self) -> list[Mistake]:
        return wrong_pattern("value", self.value) if self.type == "RegularExpression" else []


class HttpHeader(Part, frozen=True, kw_only=True):
    """A header to set or to add."""

    name: Annotated[str, follows(modified_header_name)]
    value: Annotated[str, follows(header_value)]


class HttpHeaderFilter(Part, frozen=True, kw_only=True):
    """Changes to headers."""

    set: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    add: Annotated[tuple[HttpHeader, ...], msgspec.Meta(max_length=16)] = ()
    remove: Annotated[tuple[Annotated[str, follows(modified_header_name)], ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        found = repeated("set", [header.name.lower() for header in self.set], "value for the header")
        found += repeated("add", [header.name.lower() for header in self.add], "value for the header")
        return found + repeated("remove", [name.lower() for name in self.remove], "mention of the header")
