"""Regular expressions on RE2: linear in the text, whoever wrote it.

RE2 is imported at the first expression, because it costs memory and most tables have none.
"""

from collections.abc import Callable
from typing import Final

# Gateway API's longest header value: no expression for one is longer.
LONGEST_PATTERN: Final = 4096
# Octets for the program and for the automaton built while matching. RE2's own 8 MiB, times a thousand routes, would be all of a
# small machine.
LARGEST_PROGRAM: Final = 1 << 20


class RegularExpression:
    """An expression that must match the whole of a text. Texts are octets as latin-1, so `.` takes any octet but a line feed."""

    __slots__ = ("_match", "pattern")

    def __init__(self, pattern: str) -> None:
        """Prepare `pattern`.

        Raises: ValueError, with RE2's reason, if it is no regular expression or too large a one.
        """
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"is longer than {LONGEST_PATTERN} characters")
        if not pattern.isascii():
            raise ValueError("has characters beyond ASCII; write their octets as \\xHH")
        self.pattern: Final = pattern
        self._match: Final[Callable[[bytes], object]] = _compile(pattern.encode("ascii"))

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` (latin-1) matches."""
        return self._match(text.encode("latin-1")) is not None


def _compile(pattern: bytes) -> Callable[[bytes], object]:
    import re2

    options = re2.Options()
    options.max_mem = LARGEST_PROGRAM
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.log_errors = False
    try:
        match: Callable[[bytes], object] = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        # RE2 speaks in octets where the pattern is octets.
        reason = error.args[0].decode("latin-1")
        raise ValueError(f"is no regular expression RE2 takes: {reason}") from None
    return match
