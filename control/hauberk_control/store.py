"""All objects that control works from, as one frozen value."""

import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Self, TypeVar

from hauberk_core.model.errors import ConfigError, Path
from hauberk_core.resources import Resource, Service
from hauberk_core.resources.written import Written

Kind = TypeVar("Kind", bound=Resource)


class Place(NamedTuple):
    """Where an object was read."""

    file: str = ""
    """Or what made the object, where it was not read from a file."""
    line: int = 0
    """Counted from 1, as the column; 0 where there is no text."""
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def seen_from(self, other: "Place") -> str:
        """The place, told to somebody who has the file of `other` open: relative to its folder."""
        if not self.line or not os.path.isabs(self.file):  # noqa: PTH117 - Path is something else here
            return str(self)
        return str(self._replace(file=os.path.relpath(self.file, os.path.dirname(other.file))))  # noqa: PTH120 - as above


class ObjectKey(NamedTuple):
    """What an object is called; whatever its version, it is one object."""

    group: str
    kind: str
    namespace: str
    """Empty for kinds that do not live in namespaces."""
    name: str

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name}"


def key_of(resource: Resource) -> ObjectKey:
    """The key under which an object is stored."""
    namespace = resource.metadata.namespace if resource.NAMESPACED else ""
    return ObjectKey(resource.GROUP, resource.KIND, namespace, resource.metadata.name)


class Object(NamedTuple):
    """An object and where it comes from."""

    key: ObjectKey
    value: Resource
    place: Place
    written: Written | None = None
    """The text it was read from."""

    def locate(self, path: Path) -> Place:
        """Where one of its fields stands, or else where it begins; `path` has the written names."""
        found = self.written.place(path) if self.written is not None else None
        return Place(self.place.file, *found) if found is not None else self.place


_OfKind = dict[ObjectKey, Object]
"""In the order of names, so that whatever is made from a store depends on its objects alone."""


_NONE: Final[_OfKind] = {}


class Store:
    """Objects by key. It never changes: `with_objects` and `with_changes` make another."""

    __slots__ = ("_by_kind", "_objects")

    def __init__(self, objects: Mapping[ObjectKey, Object] = MappingProxyType({})) -> None:
        by_kind: dict[tuple[str, str], _OfKind] = {}
        for key in sorted(objects):
            by_kind.setdefault((key.group, key.kind), {})[key] = objects[key]
        self._by_kind: dict[tuple[str, str], _OfKind] = by_kind
        self._objects: Mapping[ObjectKey, Object] | None = None

    @property
    def objects(self) -> Mapping[ObjectKey, Object]:
        """Every object."""
        if self._objects is None:
            self._objects = MappingProxyType({key: item for kept in self._by_kind.values() for key, item in kept.items()})
        return self._objects

    def find(self, key: ObjectKey) -> Object | None:
        """One object with its place."""
        return self._by_kind.get((key.group, key.kind), {}).get(key)

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        """All objects of a kind, by namespace and name."""
        for item in self._by_kind.get((kind.GROUP, kind.KIND), {}).values():
            assert isinstance(item.value, kind)
            yield item.value

    def get(self, kind: type[Kind], namespace: str, name: str) -> Kind | None:
        """One object; the namespace means nothing for kinds that do not live in one."""
        item = self.find(ObjectKey(kind.GROUP, kind.KIND, namespace if kind.NAMESPACED else "", name))
        value = item.value if item is not None else None
        assert value is None or isinstance(value, kind)
        return value

    def part(self, kind: type[Resource]) -> Mapping[ObjectKey, Object]:
        """All objects of a kind. The same mapping as that of the store before if none of them has changed."""
        return self._by_kind.get((kind.GROUP, kind.KIND), _NONE)

    def counts(self) -> dict[str, int]:
        """How many objects there are, by kind."""
        return {kind: len(kept) for (_, kind), kept in self._by_kind.items()}

    def service(self, namespace: str, name: str) -> Service | None:
        """The service of this name."""
        return self.get(Service, namespace, name)

    def place(self, resource: Resource) -> Place:
        """Where an object of this store was read."""
        found = self.find(key_of(resource))
        return found.place if found else Place()

    def with_objects(self, added: Iterable[Resource], origin: str) -> Self:
        """This store and some objects that are in no file; they replace those of the same key.

        Args: origin - what made them, told in place of a file.
        """
        keys = {key_of(resource): resource for resource in added}
        return self.with_changes({key: Object(key, resource, Place(origin)) for key, resource in keys.items()})

    def with_changes(self, changes: Mapping[ObjectKey, Object | None]) -> Self:
        """This store with some objects put in, or taken out where there is None; costs as much as the kinds concerned have."""
        made = type(self)()
        made._by_kind = dict(self._by_kind)
        for kind in {(key.group, key.kind) for key in changes}:
            kept = dict(self._by_kind.get(kind, {}))
            new = False
            for key, item in changes.items():
                if (key.group, key.kind) != kind:
                    continue
                if item is None:
                    kept.pop(key, None)
                else:
                    new = new or key not in kept
                    kept[key] = item
            made._by_kind[kind] = {key: kept[key] for key in sorted(kept)} if new else kept
            if not kept:
                del made._by_kind[kind]
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and self._by_kind == other._by_kind

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return sum([len(kept) for kept in self._by_kind.values()])

    def __repr__(self) -> str:
        return f"Store({len(self)} objects)"


class Gathered(NamedTuple):
    """A store, and what was wrong with the objects offered to it."""

    store: Store
    errors: tuple[ConfigError, ...]


def gather(objects: Iterable[Object]) -> Gathered:
    """Make a store; of several objects with one key the first offered stays, and each other one is an error."""
    kept: dict[ObjectKey, Object] = {}
    errors: list[ConfigError] = []
    for item in objects:
        first = kept.setdefault(item.key, item)
        if first is not item:
            errors.append(
                ConfigError(
                    origin=item.place.file,
                    line=item.place.line,
                    column=item.place.column,
                    message=f"{item.key} stands here a second time; the one at {first.place.seen_from(item.place)} is used",
                    hint="remove or rename one of the two",
                )
            )
    return Gathered(Store(kept), tuple(errors))
