"""What somebody who misspelt a name may have meant."""

from collections.abc import Iterable

from hauberk_core.model.errors import quote


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` most like `name`, or None if none is like it. Case does not count."""
    # Longer texts are no typing mistakes, and difflib takes quadratic time over them.
    if len(name) > 100:
        return None
    import difflib  # only after a mistake

    lower = {candidate.lower(): candidate for candidate in names}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def suggest(name: str, names: Iterable[str]) -> str:
    """A hint for somebody who wrote `name` where one of `names` is wanted."""
    known = sorted(names)
    listed = ", ".join([quote(other) for other in known[:20]]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    close = nearest(name, known)
    if not known:
        return "there is none to choose from"
    return f"did you mean {quote(close)}? known: {listed}" if close else f"known: {listed}"
