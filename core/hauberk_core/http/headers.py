"""Header fields in the order and the case in which they came.

A field is kept as the line that would be sent (`Name: value`, one space, no surrounding blanks) beside its name in lower case.
Forwarding is then one join, and looking a name up compares short interned strings.
"""

from typing import Final


class Headers:
    """An ordered multimap of header fields. Text is latin-1: one character for each octet (RFC 9110 section 5.5)."""

    __slots__ = ("lines", "names")

    def __init__(self) -> None:
        self.names: Final[list[str]] = []
        self.lines: Final[list[str]] = []

    def add(self, name: str, value: str) -> None:
        """Append a field. The caller vouches for name and value: no control characters, no surrounding blanks."""
        self.names.append(name.lower())
        self.lines.append(name + ": " + value)

    def get(self, name: str) -> str | None:
        """The value of the first field called `name` (lower case), or None."""
        names = self.names
        for index in range(len(names)):
            if names[index] == name:
                return self.lines[index][len(name) + 2 :]
        return None

    def get_all(self, name: str) -> list[str]:
        """The values of all fields called `name` (lower case), in their order."""
        found: list[str] = []
        names = self.names
        for index in range(len(names)):
            if names[index] == name:
                found.append(self.lines[index][len(name) + 2 :])
        return found

    def set(self, name: str, value: str) -> None:
        """Replace every field of this name by one, in the place of the first; append it where there is none."""
        lower = name.lower()
        first = -1
        index = 0
        while index < len(self.names):
            if self.names[index] != lower:
                index += 1
            elif first < 0:
                first = index
                self.lines[index] = name + ": " + value
                index += 1
            else:
                del self.names[index]
                del self.lines[index]
        if first < 0:
            self.add(name, value)

    def remove(self, name: str) -> None:
        """Remove every field called `name` (lower case)."""
        names = self.names
        if name not in names:
            return
        for index in range(len(names) - 1, -1, -1):
            if names[index] == name:
                del names[index]
                del self.lines[index]

    def items(self) -> list[tuple[str, str]]:
        """Name (in its own case) and value of each field, in order."""
        return [(line[: len(name)], line[len(name) + 2 :]) for name, line in zip(self.names, self.lines, strict=True)]

    def copy(self) -> "Headers":
        """An independent copy."""
        other = Headers()
        other.names.extend(self.names)
        other.lines.extend(self.lines)
        return other

    def __len__(self) -> int:
        return len(self.names)
