"""Secret."""

import base64
import binascii
from typing import Annotated, ClassVar

from hauberk_core.model.syntax import Fault
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import data_key
from hauberk_core.resources.part import follows


def base64_text(text: str) -> Fault | None:
    """RFC 4648 section 4; line breaks are allowed, as in a folded block. The text is secret, so that no message shows it."""
    try:
        _decode(text)
    except (binascii.Error, ValueError):
        return "this is no base64", "encode the value (base64 -w0 FILE), or write it as it is under stringData"
    return None


def _decode(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)


_Key = Annotated[str, follows(data_key)]


class Secret(Resource, kw_only=True):
    """Octets that only those may see who need them: certificates with their keys. Its text form hides them."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Secret"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    type: str = "Opaque"
    """`kubernetes.io/tls` has the entries `tls.crt` and `tls.key`, both in PEM."""
    data: dict[_Key, Annotated[str, follows(base64_text)]] = {}
    string_data: dict[_Key, str] = {}
    """Wins over `data` where both have an entry."""
    immutable: bool = False

    def entry(self, name: str) -> bytes | None:
        """The octets of one entry."""
        if name in self.string_data:
            return self.string_data[name].encode()
        return _decode(self.data[name]) if name in self.data else None

    def entries(self) -> tuple[str, ...]:
        """The names of all entries."""
        return tuple(sorted({*self.data, *self.string_data}))

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, entries={self.entries()})"
