"""What every object has: its metadata, and the fields that tell its kind."""

from typing import ClassVar, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.names import Group, Kind, Label, Labels, QualifiedName, Subdomain, dns_subdomain
from hauberk_core.resources.part import IGNORED, Ignored, Part


class ObjectMeta(Part, frozen=True, kw_only=True):
    """Kubernetes' ObjectMeta, as far as it means something outside the API server."""

    name: Subdomain
    namespace: Label = "default"
    """Means nothing for kinds that do not live in namespaces."""
    labels: Labels = msgspec.field(default_factory=dict)
    annotations: dict[QualifiedName, str] = msgspec.field(default_factory=dict)
    creation_timestamp: str = ""
    """RFC 3339; of two conflicting objects the older one wins, and an object from a file is as old as it says."""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_grace_period_seconds: Ignored = IGNORED
    deletion_timestamp: Ignored = IGNORED
    finalizers: Ignored = IGNORED
    generate_name: Ignored = IGNORED
    managed_fields: Ignored = IGNORED
    owner_references: Ignored = IGNORED
    self_link: Ignored = IGNORED


class Resource(Part, frozen=True, kw_only=True):
    """An object of some kind."""

    GROUP: ClassVar[str]
    KIND: ClassVar[str]
    VERSIONS: ClassVar[tuple[str, ...]]
    """Served ones, the best first; all have the same fields."""
    NAMESPACED: ClassVar[bool] = True

    api_version: str
    kind: str
    metadata: ObjectMeta
    status: Ignored = IGNORED

    @staticmethod
    def name_fault(name: str) -> Fault | None:
        """What is wrong with a name for an object of this kind."""
        return dns_subdomain(name)


class LabelSelectorRequirement(Part, frozen=True, kw_only=True):
    """One condition on one label."""

    key: QualifiedName
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def mistakes(self) -> list[Mistake]:
        wants_values = self.operator in ("In", "NotIn")
        if wants_values and not self.values:
            return [Mistake(("values",), f"{self.operator} needs values to compare with", "add values")]
        if self.values and not wants_values:
            return [Mistake(("values",), f"{self.operator} compares with no values", "remove them, or write In or NotIn")]
        return []


class LabelSelector(Part, frozen=True, kw_only=True):
    """Conditions on labels; all must hold, and none at all hold for everything."""

    match_labels: Labels = msgspec.field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        if any(labels.get(key) != value for key, value in self.match_labels.items()):
            return False
        return all(_holds(requirement, labels) for requirement in self.match_expressions)


class LocalObjectReference(Part, frozen=True, kw_only=True):
    """Names an object of the same namespace."""

    group: Group
    kind: Kind
    name: Subdomain


def _holds(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case _:
            return value is None
