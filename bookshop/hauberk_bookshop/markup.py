"""HTML that is escaped by construction: text becomes markup only by passing through here."""

from html import escape
from typing import Final

_VOID: Final = frozenset({"br", "img", "link", "meta"})


class Markup:
    """A piece of finished HTML. Only this module and checked-in artwork make one from a bare string."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text


Child = Markup | str
Attribute = str | int | bool


def element(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element with its children; a `str` among them is text and is escaped.

    In attribute names a trailing underscore is dropped and others become hyphens: `class_`, `aria_label`. True gives an attribute
    without a value, False leaves it out.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is False:
            continue
        parts.append(" " + key.rstrip("_").replace("_", "-"))
        if value is not True:
            parts.append(f'="{escape(str(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts.append(fragment(*children).text)
        parts.append(f"</{name}>")
    return Markup("".join(parts))


def fragment(*children: Child) -> Markup:
    """Children without an element around them."""
    return Markup("".join(child.text if isinstance(child, Markup) else escape(child) for child in children))
