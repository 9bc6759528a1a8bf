"""A text as a tree of values that know where they stand, whatever its notation."""

from bisect import bisect_right
from typing import Final, Literal

from hauberk_core.model.errors import ConfigError, Path, write_path

Notation = Literal["json", "yaml"]


class Node:
    """A value, where it begins, and for objects where each of their names does."""

    __slots__ = ("name_offsets", "offset", "value")

    def __init__(self, offset: int, value: object) -> None:
        self.offset: Final = offset
        self.value = value
        """A str, int, float, bool or None; for an object a dict, for an array a list, of nodes."""
        self.name_offsets: dict[str, int] = {}

    def plain(self) -> object:
        """The value without places."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class Tree:
    """The values of a text; answers where each stands."""

    root: Node

    def __init__(self, origin: str, notation: Notation) -> None:
        self.origin: Final = origin
        self.notation: Final = notation
        self._text = ""
        self._line_starts: list[int] | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return self._text

    def part(self, root: Node) -> "Tree":
        """The same text seen from one of its values: one document of several, one item of a list."""
        part = Tree(self.origin, self.notation)
        part._text = self._text
        part._line_starts = self._find_lines()
        part.root = root
        return part

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        starts = self._find_lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def offset_of(self, path: Path) -> int:
        """Where the value at `path` begins; of a path that the text does not spell out, its longest part that it does.

        A name as last step that leads to an object or array gives the name's own place: that is what a person looks for.
        """
        node = self.root
        offset = node.offset
        for step in path:
            value = node.value
            if isinstance(step, str) and isinstance(value, dict) and step in value:
                offset = node.name_offsets[step]
                node = value[step]
                if not isinstance(node.value, dict | list):
                    offset = node.offset
            elif isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
                node = value[step]
                offset = node.offset
            else:
                break
        return offset

    def error_at(self, offset: int, path: Path, message: str, hint: str) -> ConfigError:
        """A mistake at a character of this text."""
        line, column = self.place(offset)
        return ConfigError(origin=self.origin, line=line, column=column, path=write_path(path), message=message, hint=hint)

    def _find_lines(self) -> list[int]:
        """Where each line begins."""
        if self._line_starts is None:
            self._line_starts = [0]
            start = self._text.find("\n") + 1
            while start:
                self._line_starts.append(start)
                start = self._text.find("\n", start) + 1
        return self._line_starts
