"""Plugins' part in translation: what their control halves add to a proxy's configuration."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation
from hauberk_core.model.codec import encode_resource
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.plugin.control_plugins import attach_plugins
from hauberk_core.plugin.host import PluginHost

_DIGEST_OCTETS: Final = 12


class PluginTranslation:
    """Translates as it was told, then lets plugins add to the outcome. Without control halves it only passes on."""

    def __init__(self, translate: Callable[[Store, Node], Translation], host: PluginHost) -> None:
        self._translate: Final = translate
        self._host: Final = host

    def translate(self, store: Store, node: Node) -> Translation:
        """What `node` is told of `store`."""
        translation = self._translate(store, node)
        snapshot, problems = attach_plugins(self._host, _NodeScope(store, node), translation.snapshot)
        if snapshot is not translation.snapshot:
            snapshot = msgspec.structs.replace(snapshot, version=_version(snapshot))
        elif not problems:
            return translation
        return translation._replace(snapshot=snapshot, problems=translation.problems + problems)


class _NodeScope:
    """A proxy and its store, as plugins see them."""

    def __init__(self, store: Store, node: Node) -> None:
        self._store: Final = store
        self._node: Final = node

    @property
    def role(self) -> str:
        return self._node.role

    @property
    def name(self) -> str:
        return self._node.name

    @property
    def namespace(self) -> str:
        return self._node.namespace

    @property
    def labels(self) -> Mapping[str, str]:
        return self._node.labels

    def of(self, struct: type[msgspec.Struct]) -> Sequence[object]:
        return list(self._store.of(struct))  # type: ignore[type-var]  # the store has the kinds that it has


def _version(snapshot: Snapshot) -> str:
    """Another one than translation gave, because the content is another; equal snapshots have equal ones."""
    digest = hashlib.sha256(snapshot.version.encode())
    for group in (snapshot.listeners, snapshot.route_tables, snapshot.clusters):
        for name in sorted(group):
            digest.update(name.encode() + b"\0" + encode_resource(group[name]))
    return digest.hexdigest()[: 2 * _DIGEST_OCTETS]
