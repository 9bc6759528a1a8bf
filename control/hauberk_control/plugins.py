"""Plugins' part in translation: what their control halves add to a proxy's configuration."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from hauberk_control.store import Store, key_of
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import MissingPlugin
from hauberk_control.translate.plugin_uses import hold_against
from hauberk_control.translate.translate import Translation
from hauberk_control.translate.view import View
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.plugin.control_plugins import attach_plugins
from hauberk_core.plugin.host import PluginHost
from hauberk_core.resources import Resource
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.wire_proto.configuration import Encoder, encode_configuration

_DIGEST_OCTETS: Final = 12

Kind = TypeVar("Kind", bound=Resource)


class Translates(Protocol):
    """What plugins stand behind."""

    def translate(self, store: Store, node: Node) -> Translation:
        """What `node` is told of `store`."""

    def view(self, store: Store) -> View:
        """The store as translation looks at it."""


class PluginTranslation:
    """Translates, lets plugins add to the outcome, and takes out what the proxy lacks the plugins for."""

    def __init__(self, translator: Translates, host: PluginHost, secret: Callable[[str], str]) -> None:
        """Args: secret - a secret of the mesh for one purpose."""
        self._translator: Final = translator
        self._host: Final = host
        self._secret: Final = secret
        self._encoder: Final = Encoder()

    def translate(self, store: Store, node: Node) -> Translation:
        """What `node` is told of `store`."""
        translation = self._translator.translate(store, node)
        scope = _NodeScope(store, node, self._secret, translation.traffic_policies)
        added = attach_plugins(self._host, scope, translation.snapshot)
        view = self._translator.view(store)
        held = hold_against(added.snapshot, node.plugins, view.plugins.wanted_versions)
        snapshot = held.snapshot
        if snapshot is not translation.snapshot:
            snapshot = msgspec.structs.replace(snapshot, version=self._version(snapshot))
        elif not held.uses and not added.problems and not added.failures:
            return translation
        found = tuple(
            [
                Finding(key_of(problem.resource), Mistake(problem.path, problem.message, problem.hint, problem.severity))
                for problem in added.problems
            ]
        )
        owners = {view.plugin_owner(config) for config in held.uses}
        missing = [_missing(config, node, view) for config in held.missing]
        notes = translation.notes._replace(
            findings=found,
            problems=(*translation.notes.problems, *added.failures),
            policies=translation.notes.policies | {owner for owner in owners if owner is not None},
            missing=tuple(dict.fromkeys(missing)),
        )
        problems = (*translation.problems, *view.locate(found), *added.failures)
        return translation._replace(snapshot=snapshot, problems=problems, notes=notes)

    def _version(self, snapshot: Snapshot) -> str:
        """Another one than translation gave, because the content is another; equal snapshots have equal ones."""
        digest = hashlib.sha256(snapshot.version.encode())
        for name, resource in sorted(encode_configuration(snapshot, {}, self._encoder).items()):
            digest.update(f"{name}\0{resource.version}\0".encode())
        return digest.hexdigest()[: 2 * _DIGEST_OCTETS]


def _missing(config: PluginConfig, node: Node, view: View) -> MissingPlugin:
    installed = (node.plugins or {}).get(config.plugin)
    wanted = view.plugins.wanted_versions(config)
    return MissingPlugin(view.plugin_owner(config), config.plugin, config.failure, installed, wanted)


class _NodeScope:
    """A proxy and its store, as plugins see them."""

    def __init__(self, store: Store, node: Node, secret: Callable[[str], str], policies: Mapping[str, TrafficPolicy]) -> None:
        self._store: Final = store
        self._node: Final = node
        self._secret: Final = secret
        self._policies: Final = policies

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

    @property
    def policies(self) -> Mapping[str, TrafficPolicy]:
        return self._policies

    def of(self, kind: type[Kind]) -> Sequence[Kind]:
        return list(self._store.of(kind))

    def secret(self, purpose: str) -> str:
        return self._secret(purpose)
