"""Which of several filter chains serves the server name that a client asks for: one rule for certificates and for routes."""

from collections.abc import Sequence


def choose_chain(patterns: Sequence[Sequence[str]], asked: str) -> int:
    """The chain that names `asked`, exactly or by the longest wildcard; else the first without names, else the first.

    Args: patterns - the server names of each chain; `*.example.test` stands for any number of labels. asked - empty: no name.
    Returns: its index; 0 if there is no chain.
    """
    name = asked.lower()
    best = -1
    longest = 0
    nameless = -1
    for index, names in enumerate(patterns):
        if not names and nameless < 0:
            nameless = index
        for written in names:
            pattern = written.lower()
            if pattern == name:
                return index
            if len(pattern) > longest and pattern.startswith("*.") and name.endswith(pattern[1:]) and len(name) >= len(pattern):
                best = index
                longest = len(pattern)
    if best >= 0:
        return best
    return max(nameless, 0)
