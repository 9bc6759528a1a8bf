"""Secret."""

import base64
import binascii
from typing import Annotated, ClassVar, Final

import msgspec

from hauberk_core.model.mistake import Mistake
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


TLS_TYPE: Final = "kubernetes.io/tls"
CERTIFICATE_ENTRY: Final = "tls.crt"
"""The certificate and those of its issuers, in PEM."""
KEY_ENTRY: Final = "tls.key"

_Key = Annotated[str, follows(data_key)]


class Secret(Resource, frozen=True, kw_only=True):
    """Octets that only those may see who need them: certificates with their keys. Its text form hides them."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Secret"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    type: str = "Opaque"
    """`kubernetes.io/tls` has the entries `tls.crt` and `tls.key`, both in PEM."""
    data: dict[_Key, Annotated[str, follows(base64_text)]] = msgspec.field(default_factory=dict)
    string_data: dict[_Key, str] = msgspec.field(default_factory=dict)
    """Wins over `data` where both have an entry."""
    immutable: bool = False

    def mistakes(self) -> list[Mistake]:
        if self.type != TLS_TYPE:
            return []
        missing = [name for name in (CERTIFICATE_ENTRY, KEY_ENTRY) if name not in self.entries()]
        path = ("data",) if self.data else ("stringData",) if self.string_data else ()
        return [Mistake(path, f"a Secret of the type {TLS_TYPE} without {name}", f"add {name}, in PEM") for name in missing]

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
