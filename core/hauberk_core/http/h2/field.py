"""One field of a decoded header list, checked once however often an index refers to it."""

from typing import Final

from hauberk_core.http.errors import Violation
from hauberk_core.http.fields import FIELD_NAMES
from hauberk_core.http.head import TEXT

# Beside the numbers of `http.fields`.
COOKIE: Final = 20
METHOD: Final = 21
SCHEME: Final = 22
AUTHORITY: Final = 23
PATH: Final = 24
STATUS: Final = 25
PROTOCOL: Final = 26
MALFORMED: Final = 27
FIRST_PSEUDO: Final = METHOD

_PSEUDO: Final = {
    ":method": METHOD,
    ":scheme": SCHEME,
    ":authority": AUTHORITY,
    ":path": PATH,
    ":status": STATUS,
    ":protocol": PROTOCOL,
}

# What a field counts beside its octets (RFC 7541 section 4.1).
OVERHEAD: Final = 32


class Field:
    """Name, value and the line that HTTP/1.1 would send."""

    __slots__ = ("code", "line", "name", "size", "value")

    def __init__(self, name: str, value: str, code: int) -> None:
        self.name: Final = name
        self.value: Final = value
        """Where `code` is MALFORMED, what is wrong, for a person."""
        self.line: Final = name + ": " + value
        self.code: Final = code
        """What is to be done with it: a number of `http.fields` or of this module; 0: forward it."""
        self.size: Final = len(name) + len(value) + OVERHEAD


def check(name: str, octets: bytes) -> Field:
    """The field of these octets. A malformed one (RFC 9113 section 8.2.1) is a field too, so that the tables stay in step."""
    value = octets.decode("latin-1")
    if octets and (octets.translate(None, TEXT) or octets[0] <= 32 or octets[-1] <= 32):
        return Malformed(name, value, "the value of " + repr(name[:64]) + " holds a control character or a blank at an end")
    if name[:1] == ":":
        code = _PSEUDO.get(name, 0)
        if not code:
            return Malformed(name, value, "the pseudo-header " + repr(name[:64]) + " is not defined")
        return Field(name, value, code)
    known = FIELD_NAMES.known.get(name)
    if known is None:
        try:
            known = FIELD_NAMES.learn(name)
        except Violation as fault:
            return Malformed(name, value, fault.detail)
    if known.name != name:
        return Malformed(name, value, "the header name " + repr(name[:64]) + " has a capital letter")
    return Field(name, value, COOKIE if name == "cookie" else known.code)


class Malformed(Field):
    """A field that makes its message malformed."""

    __slots__ = ("detail",)

    def __init__(self, name: str, value: str, detail: str) -> None:
        super().__init__(name, value, MALFORMED)
        self.detail: Final = detail
