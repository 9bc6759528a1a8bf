"""One spelling for each path: what routes and policies decide by is what endpoints get, and a second look changes nothing.

Source: RFC 3986 sections 5.2.4 and 6.2.2, in the manner of Envoy's `normalize_path`; the modes are Istio's.
"""

import re
from typing import Final

_UNRESERVED: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
# By the two hexadecimal digits, in lower case.
_NEEDLESS: Final[dict[str, str]] = {character.encode().hex(): character for character in _UNRESERVED}
_HEXADECIMAL: Final = "0123456789abcdefABCDEF"
_SLASHES: Final = re.compile("//+")
_ESCAPED_SLASH: Final = re.compile("%2[Ff]")
_ESCAPED_BACKSLASH: Final = re.compile("%5[Cc]")


class NormalPath:
    """Normalises paths as one mode says."""

    __slots__ = ("_decodes", "_merges")

    def __init__(self, mode: str) -> None:
        """Args: mode - `base`, `merge_slashes` or `decode_and_merge_slashes`."""
        self._decodes: Final = mode == "decode_and_merge_slashes"
        self._merges: Final = mode != "base"

    def of(self, path: str) -> str:
        """The path to go by. What has none (`*`, the target of CONNECT) stays as it is. Never fails: an escape that is
        none is kept."""
        if not path.startswith("/"):
            return path
        if "%" in path or "\\" in path or "/." in path:
            if self._decodes:
                path = _ESCAPED_BACKSLASH.sub("/", _ESCAPED_SLASH.sub("/", path))
            path = path.replace("\\", "/")
            if "%" in path:
                path = _without_needless_escapes(path)
            if "/." in path:
                path = _without_dots(path)
        if self._merges and "//" in path:
            path = _SLASHES.sub("/", path)
        return path


def _without_needless_escapes(path: str) -> str:
    """RFC 3986 section 6.2.2.2. An escape that would complete a broken one before it (`%4%31`) is left: nobody decodes twice."""
    parts = path.split("%")
    done = parts[0]
    for index in range(1, len(parts)):
        part = parts[index]
        character = _NEEDLESS.get(part[:2].lower())
        if character is None or _completes_escape(done, character):
            done += "%" + part
        else:
            done += character + part[2:]
    return done


def _completes_escape(done: str, character: str) -> bool:
    """Whether a character behind what is done would be a digit of an escape that is broken as it stands."""
    if character not in _HEXADECIMAL:
        return False
    return done.endswith("%") or (done[-2:-1] == "%" and done[-1] in _HEXADECIMAL)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4. Servlet containers leave a segment's parameters (`..;v=1`) out of account, and Envoy does too."""
    kept: list[str] = []
    is_folder = False
    for segment in path[1:].split("/"):
        name = segment if ";" not in segment else segment[: segment.index(";")]
        is_folder = name in {".", ".."}
        if name == "..":
            if kept:
                kept.pop()
        elif name != ".":
            kept.append(segment)
    if is_folder:
        kept.append("")
    return "/" + "/".join(kept)
