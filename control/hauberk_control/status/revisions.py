"""Which of several controls, of revisions side by side, writes what: each object, and each entry of a list that is shared by
parents, has one that does. Two would know of different proxies, and overwrite each other for ever.

What stands in a route for a Gateway is said by the Gateway's control. All else is said by the control of the revision that the
object's own labels ask for, or those of its namespace, which is where its proxies are; else by the default one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from hauberk_control.gateways.revision import asked_revision, is_of
from hauberk_control.status.conditions import AncestorStatus, ParentStatus, Status
from hauberk_control.store import ObjectKey, Store
from hauberk_control.translate.listener_sets import gateway_name
from hauberk_control.translate.view import is_gateway, is_listener_set
from hauberk_core.resources import Gateway, GatewayClass, ListenerSet, Namespace, Resource
from hauberk_core.resources.gateway_api.references import ParentReference

_Entry = TypeVar("_Entry", ParentStatus, AncestorStatus)


class Revisions:
    """What of a cluster's statuses one revision writes."""

    def __init__(self, store: Store, own: str, tags: Sequence[str]) -> None:
        """Args: own - the revision; tags - its other names."""
        self._store: Final = store
        self._own: Final = own
        self._tags: Final = tags

    def written(self, statuses: Mapping[ObjectKey, Status]) -> dict[ObjectKey, Status]:
        """The statuses, or the parts of them, that are this revision's to write."""
        found: dict[ObjectKey, Status] = {}
        for key, status in statuses.items():
            if not status.conditions:
                parents = self._ours(key, [(entry.parent_ref, entry) for entry in status.parents])
                ancestors = self._ours(key, [(entry.ancestor_ref, entry) for entry in status.ancestors])
                found[key] = msgspec.structs.replace(status, parents=parents, ancestors=ancestors)
            elif self._speaks_of(key):
                found[key] = status
        return found

    def is_theirs(self, key: ObjectKey, reference: ParentReference) -> bool:
        """Whether another revision says what stands in an object for one of its parents, or ancestors."""
        namespace = reference.namespace or key.namespace
        name: tuple[str, str] | None = None
        if is_gateway(reference):
            name = namespace, reference.name
        elif is_listener_set(reference):
            name = self._gateway_of(namespace, reference.name)
        gateway = self._store.get(Gateway, *name) if name is not None else None
        if gateway is not None:
            return not self._is_ours(gateway, gateway.metadata.namespace)
        return not self._speaks_of(key)

    def _ours(self, key: ObjectKey, entries: Iterable[tuple[ParentReference, _Entry]]) -> tuple[_Entry, ...]:
        return tuple([entry for reference, entry in entries if not self.is_theirs(key, reference)])

    def _speaks_of(self, key: ObjectKey) -> bool:
        if key.kind == GatewayClass.KIND:
            # All say the same of a class; it has no namespace, and no proxies.
            return True
        if key.kind == ListenerSet.KIND:
            name = self._gateway_of(key.namespace, key.name)
            gateway = self._store.get(Gateway, *name) if name is not None else None
            if gateway is not None:
                return self._is_ours(gateway, gateway.metadata.namespace)
        item = self._store.find(key)
        return self._is_ours(item.value if item is not None else None, key.namespace)

    def _gateway_of(self, namespace: str, name: str) -> tuple[str, str] | None:
        """The Gateway that a ListenerSet names."""
        found = self._store.get(ListenerSet, namespace, name)
        return None if found is None else gateway_name(found)

    def _is_ours(self, resource: Resource | None, namespace: str) -> bool:
        own = self._store.get(Namespace, "", namespace)
        return is_of(asked_revision(resource, own), self._own, self._tags)
