"""The header fields of a message as a plugin may see and change them."""

import re
from typing import Final

from hauberk_core.http.cookies import cookie_value
from hauberk_core.http.fields import NAME_LIMIT, TOKEN, acted_on
from hauberk_core.http.headers import Headers

# RFC 9110 section 5.5, in the latin-1 text that heads are kept as: no control characters, no blanks around.
_VALUE: Final = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
# As long as a whole head may be by default.
_LONGEST_VALUE: Final = 65536


class Fields:
    """The fields of one request or response, changed in place.

    Looking up is by lower-case name; the case that is sent is the one given to `set` and `add`. What frames a message or belongs
    to one hop (Content-Length, Transfer-Encoding, Connection, Upgrade, TE, Expect, Host and the like) is the proxy's own and
    cannot be changed.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers: Final = headers

    def get(self, name: str) -> str | None:
        """The value of the first field called `name` (lower case), or None. Latin-1: one character for each octet."""
        return self._headers.get(name)

    def get_all(self, name: str) -> list[str]:
        """The values of all fields called `name` (lower case), in their order."""
        return self._headers.get_all(name)

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether there is a field of any of these names (lower case): the cheapest question there is."""
        for name in self._headers.names:  # noqa: SIM110 - compiled code has no generators to spare
            if name in names:
                return True
        return False

    def items(self) -> list[tuple[str, str]]:
        """Name and value of each field, in order."""
        return self._headers.items()

    def cookie(self, name: str) -> str | None:
        """The value of the first cookie called `name` in a request (browsers put the longest path first), or None."""
        return cookie_value(self._headers, name)

    def __len__(self) -> int:
        """How many fields there are."""
        return len(self._headers)

    def size(self) -> int:
        """Octets of the section as HTTP/1.1 writes it."""
        size = 0
        for line in self._headers.lines:
            size += len(line) + 2
        return size

    def set(self, name: str, value: str) -> None:
        """Replace every field of this name by one, in the place of the first.

        Raises: ValueError if the name or the value may not be sent; nothing has changed then.
        """
        check_field(name, value)
        self._headers.set(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a field. Raises: ValueError as `set` does."""
        check_field(name, value)
        self._headers.add(name, value)

    def remove(self, name: str) -> None:
        """Remove every field called `name`. Raises: ValueError for a field that is the proxy's own."""
        lower = name.lower()
        _refuse_own(lower)
        self._headers.remove(lower)


def check_field(name: str, value: str) -> None:
    """Hold a field against RFC 9110 section 5: what a plugin takes from a service may hold a line break.

    Raises: ValueError, with a sentence for the plugin's author.
    """
    if TOKEN.fullmatch(name) is None or len(name) > NAME_LIMIT:
        raise ValueError("the header name " + repr(name[:64]) + " is no token of at most " + str(NAME_LIMIT) + " characters")
    if len(value) > _LONGEST_VALUE or _VALUE.fullmatch(value) is None:
        raise ValueError(
            "the value of header "
            + name
            + " may hold visible latin-1 characters with blanks between them, not "
            + repr(value[:64])
        )
    _refuse_own(name.lower())


def _refuse_own(name: str) -> None:
    if acted_on(name):
        raise ValueError("the header " + name + " is the proxy's own: it frames the message or belongs to one hop")
