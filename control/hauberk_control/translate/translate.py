"""From the store to what one proxy is told. Pure: equal stores and nodes give equal translations."""

import hashlib
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from hauberk_control.store import Store
from hauberk_control.translate.build import Build
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.gateway import build_gateway
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import Notes
from hauberk_control.translate.plugin_policy import ReadPolicy, read_nothing
from hauberk_control.translate.sidecar import build_sidecar
from hauberk_control.translate.undone import Fields
from hauberk_control.translate.view import Memories, View
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.errors import ConfigError
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.model.transport import Certificate
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.wire_proto.configuration import Encoder, encode_configuration

# 96 bits: short enough to read, long enough that no two configurations share it by chance.
_DIGEST_OCTETS: Final = 12
# Translations of one store that are kept for further proxies of the same description.
_MOST_TRANSLATIONS: Final = 64
# Stands where a certificate from a file would name it; the agent looks at its own memory first.
_IN_MEMORY: Final = Certificate(chain_file="(in memory)", key_file="(in memory)")


class Translation(NamedTuple):
    """What a store means for one proxy."""

    snapshot: Snapshot
    certificates: Mapping[str, CertificatePem]
    """Those that its listeners present, by their names in the snapshot. Secret."""
    problems: tuple[ConfigError, ...]
    """What is wrong with objects that concern this proxy, with their places; the others are served all the same."""
    notes: Notes = Notes()
    traffic_policies: Mapping[str, TrafficPolicy] = MappingProxyType({})
    """What DestinationRules say of its clusters, by their names: plugins go by that."""

    def __repr__(self) -> str:
        return f"Translation({self.snapshot.version}, {len(self.problems)} problems)"


class Translator:
    """Translates store after store, and works out anew only what has changed. May be used from several threads."""

    def __init__(
        self,
        read_policy: ReadPolicy = read_nothing,
        *,
        on_cluster: bool = False,
        undone: Fields = MappingProxyType({}),
    ) -> None:
        """Prepare.

        Args: read_policy - asks plugins what policies mean; on_cluster - whether pods are made for Gateways; undone - fields
        that have no effect for want of a plugin.
        """
        self._undone: Final = undone
        self._on_cluster: Final = on_cluster
        self._read_policy: Final = read_policy
        self._lock: Final = threading.Lock()
        self._memories: Final = Memories()
        self._encoder: Final = Encoder()
        self._view: View | None = None
        self._translations: Final[dict[bytes, Translation]] = {}
        """Of the store looked at, by what a proxy says of itself: the replicas of a gateway are all told the same."""

    def translate(self, store: Store, node: Node) -> Translation:
        """What `node` is told of `store`."""
        described = msgspec.msgpack.encode(node)
        with self._lock:
            view = self._look_at(store)
            translation = self._translations.get(described)
            if translation is None:
                translation = _translate(view, node, self._encoder)
                if len(self._translations) >= _MOST_TRANSLATIONS:
                    self._translations.clear()
                self._translations[described] = translation
            return translation

    def view(self, store: Store) -> View:
        """The store as translation looks at it."""
        with self._lock:
            return self._look_at(store)

    def __len__(self) -> int:
        """How many results are kept for the next store."""
        return len(self._memories)

    def _look_at(self, store: Store) -> View:
        view = self._view
        if view is None or view.store is not store:
            self._memories.next_generation()
            view = View(store, self._memories, self._read_policy, on_cluster=self._on_cluster, undone=self._undone)
            self._view = view
            self._translations.clear()
        return view


def translate(store: Store, node: Node) -> Translation:
    """What one proxy is told of a store; whoever asks again and again keeps a `Translator`."""
    return Translator().translate(store, node)


def _translate(view: View, node: Node, encoder: Encoder) -> Translation:
    build = Build(view, node)
    if node.role == "gateway":
        build_gateway(build)
    else:
        build_sidecar(build)
    listeners = {name: view.mesh.applied(listener) for name, listener in sorted(build.listeners.items())}
    route_tables = dict(sorted(build.route_tables.items()))
    clusters = dict(sorted(build.clusters.items()))
    certificates = dict(sorted(build.certificates.items()))
    snapshot = Snapshot(
        listeners=listeners,
        route_tables=route_tables,
        clusters=clusters,
        certificates=dict.fromkeys(certificates, _IN_MEMORY),
    )
    snapshot = msgspec.structs.replace(snapshot, version=_digest(snapshot, certificates, encoder))
    found: list[Finding] = [*view.policies.findings, *view.rules.findings, *view.plugins.findings, *view.undone]
    found += [*view.virtual_services.findings, *build.findings]
    problems = (*view.locate(found), *build.problems)
    gateways = tuple([f"{one.metadata.namespace}/{one.metadata.name}" for one in build.gateways])
    notes = Notes(problems=tuple(build.problems), policies=frozenset(build.policies), gateways=gateways)
    return Translation(snapshot, MappingProxyType(certificates), problems, notes, MappingProxyType(build.traffic_policies))


def _digest(snapshot: Snapshot, certificates: Mapping[str, CertificatePem], encoder: Encoder) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_OCTETS)
    for name, resource in encode_configuration(snapshot, {}, encoder).items():
        _feed(digest, name.encode())
        _feed(digest, resource.version.encode())
    for name, pem in certificates.items():
        for part in (name.encode(), pem.chain, pem.key):
            _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: "hashlib.blake2b", part: bytes) -> None:
    """Add a part so that it cannot be taken for the end of one and the beginning of another."""
    digest.update(len(part).to_bytes(8))
    digest.update(part)
