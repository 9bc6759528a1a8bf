"""What every struct of a resource has in common, and the vocabulary that its fields are declared in.

Fields are called as in Python and written as in Kubernetes (`gateway_class_name`, `gatewayClassName`). A field that may be left
out and has no default of its own is None, because in several of these APIs a written 0 differs from no number at all.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Annotated, Final

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import RULE, Fault


class Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a resource."""

    def mistakes(self) -> list[Mistake]:
        """What no single field can tell: fields that exclude or need each other, names that stand twice.

        Returns: mistakes with paths from this piece on, in the written names. The pieces below it tell theirs themselves.
        """
        return []


class Excerpt(Part, frozen=True, forbid_unknown_fields=False):
    """A piece of an object of which only some fields say anything to a mesh; the others are somebody else's, and passed over."""


def repeated(field: str, names: Iterable[Hashable], what: str) -> list[Mistake]:
    """A mistake for each item of the list `field` whose name (None: it has none) an item before it has."""
    seen: set[Hashable] = set()
    found: list[Mistake] = []
    for index, name in enumerate(names):
        if name is None:
            continue
        if name in seen:
            shown = quote(name) if isinstance(name, str) else str(name)
            found.append(Mistake((field, index), f"a second {what} {shown}", "keep or rename one of the two"))
        seen.add(name)
    return found


def only_field_of_type(part: Part, type_: str, fields: Mapping[str, str]) -> list[Mistake]:
    """Mistakes in a union that is told by a field `type`: its own field is absent, or another's is there.

    Args: fields - the written name of each type's field.
    """
    names = zip(part.__struct_fields__, part.__struct_encode_fields__, strict=True)
    given = {written for own, written in names if written in fields.values() and getattr(part, own) is not None}
    wanted = fields[type_]
    found: list[Mistake] = []
    if wanted not in given:
        found.append(Mistake(("type",), f"{type_} without {wanted}", f"add {wanted}"))
    for other in sorted(given - {wanted}):
        found.append(Mistake((other,), f"{other} has no place in a {type_}", "remove it, or write its type"))
    return found


def follows(rule: Callable[[str], Fault | None]) -> msgspec.Meta:
    """Declares that a text must be without fault: `Annotated[str, follows(dns_label)]`."""
    return msgspec.Meta(extra={RULE: rule})


class Ignored:
    """The value of a field that is allowed and not read: status, bookkeeping of Kubernetes, settings of other programs."""

    __slots__ = ()

    @classmethod
    def of(cls, _value: object) -> "Ignored":
        """Drop whatever stands there."""
        return IGNORED

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
