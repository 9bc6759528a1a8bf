"""What proxies and files say of themselves, in words for a terminal."""

from typing import Final

_UNITS: Final = (("d", 86400.0), ("h", 3600.0), ("m", 60.0))


def printable(text: str) -> str:
    """A text of somebody else's, without what a terminal would obey or what would spoil a table."""
    return "".join([character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text])


def age(seconds: float) -> str:
    """How long something has lasted, in its largest unit: `12 s`, `3 m`, `5 h`, `2 d`."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
