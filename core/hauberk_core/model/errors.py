"""Mistakes in a configuration, as values: where, what, and what to write instead."""

from typing import Final, Literal

import msgspec

Path = tuple[str | int, ...]
"""The way from the document's root to a value: member names and list positions."""

# Enough to recognise what one wrote; a hostile document must not fill a log by way of its error messages.
_LONGEST_QUOTE: Final = 80


def quote(text: str) -> str:
    """`text` as a message shows it: in quotes, escaped, shortened."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")


def write_path(path: Path) -> str:
    """`clusters.reviews.endpoints[0].address`; names that would confuse stand in brackets and quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif len(step) <= _LONGEST_QUOTE and step.replace("-", "_").isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text


class ConfigError(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake."""

    message: str
    """What is wrong."""
    hint: str
    """What to do about it."""
    origin: str = ""
    """The file, or what else the configuration was read from."""
    line: int = 0
    """Counted from 1; 0 where the configuration was no text."""
    column: int = 0
    """In characters, counted from 1."""
    path: str = ""
    """The value's place in the document, or empty for the document itself."""
    severity: Literal["error", "warning"] = "error"
    """A warning keeps nothing from being in force."""

    def __str__(self) -> str:
        place = f"{self.origin}:{self.line}:{self.column}" if self.line else self.origin
        message = f"warning: {self.message}" if self.severity == "warning" else self.message
        return ": ".join([part for part in (place, self.path, message) if part]) + f"\n    {self.hint}"


class ConfigErrors(Exception):
    """A configuration was refused; `errors` holds every mistake found, in the order of the document."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join([str(error) for error in self.errors])
