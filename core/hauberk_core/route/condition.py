"""One condition on the value of a header or of a query parameter."""

from typing import Final

from hauberk_core.http.headers import Headers
from hauberk_core.model.errors import quote
from hauberk_core.route.regular_expression import RegularExpression

PRESENT: Final = 0
EXACT: Final = 1
PREFIX: Final = 2
REGEX: Final = 3

KINDS: Final[dict[str, int]] = {"present": PRESENT, "exact": EXACT, "prefix": PREFIX, "regex": REGEX}


def joined_value(headers: Headers, name: str) -> str | None:
    """All lines of one header as one value, joined by commas (RFC 9110 section 5.3), or None where there is none.

    Args: name - in lower case.
    """
    names = headers.names
    value: str | None = None
    for index in range(len(names)):
        if names[index] == name:
            part = headers.lines[index][len(name) + 2 :]
            value = part if value is None else value + "," + part
    return value


class Condition:
    """What a value must be. An absent value fulfils none, and therefore every inverted one."""

    __slots__ = ("_expression", "_kind", "_value", "invert", "name")

    def __init__(self, name: str, kind: int, value: str, expression: RegularExpression | None, invert: bool) -> None:
        """Prepare the condition.

        Args: name - a header's in lower case. value - latin-1, as it looks when it arrives. expression - where `kind` is REGEX.
        """
        self.name: Final = name
        self.invert: Final = invert
        self._kind: Final = kind
        self._value: Final = value
        self._expression: Final = expression

    def holds(self, value: str | None) -> bool:
        """Whether `value` is as wanted; None: the request does not have it."""
        return self._fits(value) != self.invert

    def _fits(self, value: str | None) -> bool:
        if value is None:
            return False
        kind = self._kind
        if kind == EXACT:
            return value == self._value
        if kind == PREFIX:
            return value.startswith(self._value)
        if kind == REGEX:
            return self._expression is not None and self._expression.matches(value)
        return True

    def describe_miss(self, what: str, value: str | None) -> str:
        """Why `value` does not fulfil this condition, for a person.

        Args: what - `header` or `query parameter`.
        """
        found = "is absent" if value is None else f"is {quote(value)}"
        return f"{what} {quote(self.name)} {found}, the match wants {self._wish()}"

    def _wish(self) -> str:
        if self._kind == PRESENT:
            return "it absent" if self.invert else "it present"
        negation = "anything but " if self.invert else ""
        if self._kind == PREFIX:
            return f"{negation}a value that starts with {quote(self._value)}"
        if self._kind == REGEX:
            return f"{negation}a value that matches the regular expression {quote(self._value)}"
        return negation + quote(self._value)
