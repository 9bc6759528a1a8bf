"""Which of several filter chains serves the server name that a client asks for: one rule for certificates and for routes."""

from collections.abc import Sequence
from typing import Final


class ServerNames:
    """The server names of some filter chains, made ready once: a look costs as many steps as the name has labels."""

    __slots__ = ("_exact", "_nameless", "_wild")

    def __init__(self, patterns: Sequence[Sequence[str]]) -> None:
        """Args: patterns - the names of each chain; `*.example.test` stands for any number of labels, at least one."""
        exact: dict[str, int] = {}
        wild: dict[str, int] = {}
        nameless = -1
        for index, names in enumerate(patterns):
            if not names and nameless < 0:
                nameless = index
            for written in names:
                pattern = written.lower()
                if pattern.startswith("*."):
                    wild.setdefault(pattern[1:], index)
                else:
                    exact.setdefault(pattern, index)
        self._exact: Final = exact
        self._wild: Final = wild
        self._nameless: Final = nameless

    def find(self, asked: str) -> int:
        """The chain that names `asked`, exactly or by the longest wildcard; else the first without names.

        Args: asked - as the client wrote it; empty: it asks for no name.
        Returns: its index; -1 if no chain is there for it.
        """
        name = asked.lower()
        found = self._exact.get(name, -1)
        if found >= 0:
            return found
        if self._wild:
            # A name on the wire has 127 labels at most (RFC 1035 section 2.3.4), and its reader holds it to that.
            dot = name.find(".", 1)
            while dot > 0:
                found = self._wild.get(name[dot:], -1)
                if found >= 0:
                    return found
                dot = name.find(".", dot + 1)
        return self._nameless

    def choose(self, asked: str) -> int:
        """As `find`, for chains that must serve everybody: the first where none is there for the name; 0 if there is no chain."""
        return max(self.find(asked), 0)
