"""Which VirtualService counts for a service and a caller.

Of those whose hosts include the service's name, and that are there for the caller (`exportTo`), the one with the most specific
host; then one that only the service's own callers' namespace sees, one that names it, and one for all; then the oldest. One that
has no rules of a kind (`http`, `tcp`) leaves requests, or connections, to the next. Rules of several are not merged: in Istio,
too, sidecars go by one.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from hauberk_control.store import Store
from hauberk_control.translate.destination_rule import Caller, full_name
from hauberk_control.translate.precedence import seniority
from hauberk_control.translate.virtual_service.callers import for_sidecars
from hauberk_core.resources import VirtualService

RuleKind = Literal["http", "tcp"]
_EVERY_NAMESPACE: Final = "*"


class _Candidate(NamedTuple):
    owner: VirtualService
    namespaces: frozenset[str]
    """That see it, or `*`."""
    specificity: int
    """Of its host; the larger the more."""

    def closeness(self, namespace: str) -> int | None:
        """0: for this namespace's own use, 1: meant for it among others, 2: for all; None: not for it."""
        if self.namespaces == {namespace} == {self.owner.metadata.namespace}:
            return 0
        if namespace in self.namespaces:
            return 1
        return 2 if _EVERY_NAMESPACE in self.namespaces else None


class Shadowed(NamedTuple):
    """An object that never counts for one of its hosts, because an older one has it."""

    owner: VirtualService
    host: int
    """Its position."""
    kind: RuleKind
    older: VirtualService


EVERY_HOST: Final = "*"
"""Istio takes it for gateways alone: among sidecars it would be every service of the mesh, whoever's they are."""
# More than any name has characters.
_EXACT: Final = 1_000


class Selection:
    """The VirtualServices of a store that sidecars act on."""

    def __init__(self, store: Store) -> None:
        self.shadowed: Final[list[Shadowed]] = []
        self._exact: Final[dict[str, list[_Candidate]]] = {}
        self._wildcards: Final[dict[str, list[_Candidate]]] = {}
        """By what follows the star."""
        self._first: Final[dict[tuple[str, frozenset[str], RuleKind], VirtualService]] = {}
        """Who has a host, for whom and with which rules."""
        for owner in sorted(store.of(VirtualService), key=lambda one: seniority(one.metadata)):
            if for_sidecars(owner.spec.gateways):
                self._add(owner)

    def _add(self, owner: VirtualService) -> None:
        namespaces = exported_to(owner)
        for index, host in enumerate(owner.spec.hosts):
            if host == EVERY_HOST:
                continue
            if host.startswith("*"):
                self._wildcards.setdefault(host[1:].removesuffix("."), []).append(_Candidate(owner, namespaces, len(host)))
                continue
            name = full_name(host, owner.metadata.namespace)
            for kind in _kinds(owner):
                older = self._first.setdefault((name, namespaces, kind), owner)
                if older is not owner:
                    self.shadowed.append(Shadowed(owner, index, kind, older))
            self._exact.setdefault(name, []).append(_Candidate(owner, namespaces, _EXACT))

    def find(self, host: str, caller: Caller, kind: RuleKind) -> VirtualService | None:
        """The one with rules of a kind for a service. Args: host - its full name."""
        found: list[tuple[int, int, int, VirtualService]] = []
        candidates = [*self._exact.get(host, ())]
        dot = host.find(".")
        while dot >= 0:
            candidates += self._wildcards.get(host[dot:], ())
            dot = host.find(".", dot + 1)
        # Of equal specificity they are from one list, the older before the younger.
        for age, one in enumerate(candidates):
            closeness = one.closeness(caller.namespace)
            if closeness is not None and kind in _kinds(one.owner):
                found.append((-one.specificity, closeness, age, one.owner))
        return min(found, key=lambda one: one[:3])[3] if found else None


def exported_to(owner: VirtualService) -> frozenset[str]:
    """The namespaces that see an object, or `*`."""
    own = owner.metadata.namespace
    told = {own if name == "." else name for name in owner.spec.export_to}
    return frozenset(told) if told and _EVERY_NAMESPACE not in told else frozenset((_EVERY_NAMESPACE,))


def _kinds(owner: VirtualService) -> Sequence[RuleKind]:
    kinds: list[RuleKind] = []
    if owner.spec.http:
        kinds.append("http")
    if owner.spec.tcp:
        kinds.append("tcp")
    return kinds
