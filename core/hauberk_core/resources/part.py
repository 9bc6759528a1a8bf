"""What every struct of a resource has in common, and the vocabulary that its fields are declared in.

Fields are called as in Python and written as in Kubernetes (`gateway_class_name`, `gatewayClassName`). A field that may be left out
and has no default of its own is None, because in several of these APIs a written 0 differs from no number at all.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from hauberk_core.model.syntax import Fault

RULE: Final = "rule"
"""Under this name a type's metadata holds a function that finds the fault of a text."""


class Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a resource."""


def follows(rule: Callable[[str], Fault | None]) -> msgspec.Meta:
    """Declares that a text must be without fault: `Annotated[str, follows(dns_label)]`."""
    return msgspec.Meta(extra={RULE: rule})


class Ignored:
    """The value of a field that is allowed and not read: status, bookkeeping of Kubernetes, settings of other programs."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ignored)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "IGNORED"


IGNORED: Final = Ignored()

PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
