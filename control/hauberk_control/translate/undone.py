"""Fields that are read and have no effect yet: whoever writes one is told so, with its place.

Fields whose absence would weaken something (a client's certificate that is not asked for, a filter that is not applied) are not
here: they are refused where they are translated.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.finding import Finding, findings
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import (
    BackendTLSPolicy,
    Gateway,
    ListenerSet,
    Resource,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)


class Undone(NamedTuple):
    """A field, and what whoever writes it is told."""

    path: tuple[str, ...]
    """Written names; lists on the way are gone through."""
    message: str
    hint: str
    severity: Literal["error", "warning"] = "warning"
    on_cluster: bool = True
    """False: where a cluster makes pods for Gateways it has its effect."""


_LATER: Final = "leave it out until it is supported"


UNDONE: Final[dict[type[Resource], tuple[Undone, ...]]] = {
    Gateway: (
        Undone(
            ("spec", "addresses"),
            "addresses cannot be chosen: the proxy listens where it runs",
            "leave it out",
            on_cluster=False,
        ),
        Undone(
            ("spec", "infrastructure"),
            "nothing is made for a Gateway here that could carry it",
            "leave it out",
            on_cluster=False,
        ),
        Undone(("spec", "listeners", "tls", "options"), "no options of TLS are known here", "remove them"),
    ),
    BackendTLSPolicy: (Undone(("spec", "options"), "no options of TLS are known here", "remove them"),),
    ListenerSet: (Undone(("spec", "listeners", "tls", "options"), "no options of TLS are known here", "remove them"),),
    Sidecar: (
        Undone(("spec", "egress"), "workloads see every service of the mesh", "leave it out"),
        Undone(("spec", "ingress"), "ports are captured as they are", "leave it out"),
        Undone(("spec", "inboundConnectionPool"), "no limits are kept on what comes in", _LATER),
    ),
    VirtualService: (
        Undone(("spec", "http", "match", "statPrefix"), "metrics are labelled as in Istio and have no prefixes", "leave it out"),
    ),
    WorkloadEntry: (
        Undone(("spec", "network"), "every workload is reached at its own address, whatever its network", "leave it out"),
    ),
}


Fields = Mapping[type[Resource], tuple[Undone, ...]]
"""By the kind that has them."""


def undone_findings(store: Store, more: Fields = MappingProxyType({}), *, on_cluster: bool = False) -> tuple[Finding, ...]:
    """A warning for each such field in each object.

    Args: more - fields beside those that never have an effect; on_cluster - whether pods are made for Gateways.
    """
    return tuple(
        [
            finding
            for kind, several in [*UNDONE.items(), *more.items()]
            for resource in store.of(kind)
            for undone in several
            if undone.on_cluster or not on_cluster
            for finding in findings(resource, _mistakes(resource, undone))
        ]
    )


def _mistakes(resource: Resource, undone: Undone) -> list[Mistake]:
    return [Mistake(path, undone.message, undone.hint, undone.severity) for path in _given(resource, undone.path, ())]


def _given(value: object, names: tuple[str, ...], before: Path) -> Iterator[Path]:
    """The places where a field stands that is not as if it were left out."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _given(item, names, (*before, index))
    elif isinstance(value, msgspec.Struct):
        field = _field(type(value), names[0])
        own = getattr(value, field.name)
        if own is None or own == field.default or (field.default_factory is not msgspec.NODEFAULT and not own):
            return
        if len(names) == 1:
            yield (*before, names[0])
        else:
            yield from _given(own, names[1:], (*before, names[0]))


@cache
def _field(kind: type[msgspec.Struct], name: str) -> msgspec.structs.FieldInfo:
    """What msgspec knows of a field, by its written name; asked once, because it costs more than all the rest here."""
    [field] = [field for field in msgspec.structs.fields(kind) if field.encode_name == name]
    return field
