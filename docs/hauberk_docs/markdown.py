"""The few forms of Markdown that the pages have."""

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "<!-- Written by `make docs`. Change the code it tells of, then write it anew. -->"


def page(title: str, *parts: str) -> str:
    """A whole page: title, note, and parts with a blank line between."""
    return "\n\n".join([f"# {title}", NOTE, *[part.strip("\n") for part in parts]]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell's bars and line breaks are made harmless."""
    lines = [_row(head), "|" + "---|" * len(head)]
    return "\n".join([*lines, *[_row(row) for row in rows]])


def code(text: str) -> str:
    """Inline code."""
    return f"`{text}`" if text else ""


def block(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join([cell.replace("|", "\\|").replace("\n", " ") for cell in cells]) + " |"
