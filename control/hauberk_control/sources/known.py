"""What is known of the objects of one kind in a cluster: a machine without I/O, fed by lists and events.

A wrong object takes nothing away. It is refused with its reasons, and what it was when it was last right stays in use.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hauberk_control.kubernetes.follow import Event
from hauberk_control.store import Object, ObjectKey, Place, key_of
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Resource
from hauberk_core.resources.decode import decode_object

MOST_OBJECTS: Final = 100_000
"""Of one kind. Kubernetes itself is built for clusters of 150,000 pods; each takes some KiB here."""

# kubectl keeps the whole object a second time in an annotation.
_NOISE: Final = "kubectl.kubernetes.io/last-applied-configuration"


class Known(NamedTuple):
    """One object, as the API server last told of it."""

    key: ObjectKey
    uid: str
    version: str
    """Its resource version; what is written on condition that nobody else wrote names it."""
    generation: int
    object: Object | None
    """As it was when it was last right; None: it never was."""
    errors: tuple[ConfigError, ...] = ()
    """What is wrong with it now; warnings too."""
    refused: bool = False
    """`object` is not what the API server has."""
    status: bytes = b""
    """JSON; empty where it has none, or where nobody asked to keep it."""
    body: bytes = b""
    """The whole object, JSON, where it is refused."""


class Change(NamedTuple):
    """What a list or some events made different."""

    objects: Mapping[ObjectKey, Object | None]
    """Objects that are other ones now; None: gone."""
    seen: frozenset[ObjectKey]
    """All of which something was told, if only their status."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0


class _Head(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw(b"")


class KnownObjects:
    """All objects of one kind."""

    def __init__(self, kind: type[Resource], api_version: str, *, keep_status: bool) -> None:
        """Args: api_version - in which they are told; keep_status - whether somebody compares statuses."""
        self.kind: Final = kind
        self._api_version: Final = api_version
        self._keep_status: Final = keep_status
        self._known: Final[dict[ObjectKey, Known]] = {}
        self.wrong: Final[dict[ObjectKey, Known]] = {}
        """Those with mistakes or warnings."""
        self.too_many = False
        """There are more objects than are kept."""

    def get(self, key: ObjectKey) -> Known | None:
        """What is known of one object."""
        return self._known.get(key)

    def all(self) -> Iterable[Known]:
        """Everything."""
        return self._known.values()

    def decode(self, data: bytes) -> Known:
        """Read one object. From any thread. Raises: msgspec.MsgspecError, ValueError if it is no object."""
        head = msgspec.json.decode(data, type=_Head)
        kind = self.kind
        told = head.metadata
        key = ObjectKey(kind.GROUP, kind.KIND, told.namespace if kind.NAMESPACED else "", told.name)
        place = Place(f"resourceVersion {told.resource_version}")
        value, errors = decode_object(data, kind, place.file, self._api_version)
        status = bytes(head.status) if self._keep_status else b""
        known = Known(key, told.uid, told.resource_version, told.generation, None, _named(key, errors), status=status)
        if value is None:
            return known._replace(refused=True, body=data)
        # Each write of a status changes the version: what is made of an object must not depend on it.
        metadata = msgspec.structs.replace(
            value.metadata,
            resource_version="",
            annotations={name: text for name, text in value.metadata.annotations.items() if name != _NOISE},
        )
        value = msgspec.structs.replace(value, metadata=metadata)
        assert key_of(value) == key
        return known._replace(object=Object(key, value, place))

    def replace(self, items: Sequence[Known]) -> Change:
        """These are all there are."""
        present = {item.key for item in items}
        gone = [Event(deleted=True, item=known) for key, known in self._known.items() if key not in present]
        return self.apply([*gone, *[Event(deleted=False, item=item) for item in items]])

    def apply(self, events: Sequence[Event[Known]]) -> Change:
        """Take over what happened, in its order."""
        objects: dict[ObjectKey, Object | None] = {}
        for deleted, item in events:
            before = self._known.get(item.key)
            if deleted:
                self._known.pop(item.key, None)
                self.wrong.pop(item.key, None)
                self.too_many = False
                if before is not None and before.object is not None:
                    objects[item.key] = None
                continue
            if before is None and len(self._known) >= MOST_OBJECTS:
                self.too_many = True
                continue
            last = before.object if before is not None else None
            if before is not None and before.uid != item.uid:
                # Another one of the same name, of which no list told that the first is gone.
                objects[item.key] = last = None
            now = item.object
            if now is None or (last is not None and last.value == now.value):
                # Refused, or only its status has changed.
                now = last
            elif now is not last:
                objects[item.key] = now
            known = self._known[item.key] = item._replace(object=now)
            if known.errors:
                self.wrong[item.key] = known
            else:
                self.wrong.pop(item.key, None)
        return Change(objects, frozenset([event.item.key for event in events]))


def _named(key: ObjectKey, errors: Iterable[ConfigError]) -> tuple[ConfigError, ...]:
    return tuple([msgspec.structs.replace(error, message=f"{key}: {error.message}") for error in errors])
