"""A proxy's configuration as named resources, the way it travels from control to the agent and lies on the agent's disk.

    listener/NAME, route_table/NAME, cluster/NAME    as `model.codec.encode_resource` writes them
    certificate/NAME                                 MessagePack of `CertificatePem`: a secret
    access_log/                                      as the first; absent: no log

A version is a digest of the octets, so that equal resources have equal versions whichever control made them, and whenever.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from hauberk_core.agent.wire import ACCESS_LOG, CERTIFICATE, CLUSTER, LISTENER, ROUTE_TABLE, CertificatePem
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.codec import Resource, decode_resource, encode_resource
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.listener import Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate

# 128 bits: nobody finds two resources with one digest by chance.
_DIGEST_OCTETS: Final = 16
# Encoded resources that are remembered: twice as many as the largest meshes have services.
_MOST_KEPT: Final = 20_000
# Stands where a certificate from a file would name it; the agent looks at its own memory first.
IN_MEMORY: Final = Certificate(chain_file="(in memory)", key_file="(in memory)")


class Versioned(NamedTuple):
    """A resource's octets under their version."""

    version: str
    body: bytes

    def __repr__(self) -> str:
        return f"Versioned({self.version}, {len(self.body)} octets)"


Resources = Mapping[str, Versioned]
"""By name, `kind/rest`."""


def kind_of(name: str) -> str:
    """What stands before the first slash."""
    return name.partition("/")[0]


def versioned(body: bytes) -> Versioned:
    """A resource with the version that its octets have."""
    return Versioned(hashlib.blake2b(body, digest_size=_DIGEST_OCTETS).hexdigest(), body)


class Encoder:
    """Encodes resources, and remembers the last of each name: most are the same for many proxies, or since the last change."""

    def __init__(self) -> None:
        self._kept: Final[dict[str, tuple[Resource, Versioned]]] = {}

    def encode(self, name: str, value: Resource) -> Versioned:
        """A resource's octets with their version."""
        kept = self._kept.get(name)
        # Values that share their parts, as those of many proxies do, are compared in no time.
        if kept is not None and kept[0] == value:
            return kept[1]
        made = versioned(encode_resource(value))
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[name] = (value, made)
        return made


def encode_configuration(
    snapshot: Snapshot, certificates: Mapping[str, CertificatePem], encoder: Encoder | None = None
) -> dict[str, Versioned]:
    """All resources of one proxy.

    A certificate is among them only if a listener or a cluster of the snapshot presents it. Files that the snapshot names for
    certificates are not: they are of another machine.

    Args: certificates - by their names in the snapshot; encoder - who encodes for several proxies keeps one.
    """
    encode = (encoder or Encoder()).encode
    resources: dict[str, Versioned] = {}
    for kind, group in ((LISTENER, snapshot.listeners), (ROUTE_TABLE, snapshot.route_tables), (CLUSTER, snapshot.clusters)):
        for name, value in group.items():
            resources[f"{kind}/{name}"] = encode(f"{kind}/{name}", value)
    presented = {name for listener in snapshot.listeners.values() for name in _presented(listener)}
    presented |= {name for cluster in snapshot.clusters.values() for name in cluster.transport.certificates}
    for name, pem in certificates.items():
        if name in presented:
            resources[f"{CERTIFICATE}/{name}"] = versioned(msgspec.msgpack.encode(pem))
    if snapshot.access_log is not None:
        resources[f"{ACCESS_LOG}/"] = encode(f"{ACCESS_LOG}/", snapshot.access_log)
    return resources


class Decoder:
    """Decodes configurations that follow each other: what is the same as in the one before stays the same object."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Versioned, Resource]] = {}

    def fresh_octets(self, resources: Resources) -> int:
        """How much of a configuration would have to be decoded."""
        kept = self._kept
        return sum([len(one.body) for name, one in resources.items() if name not in kept or kept[name][0] != one])

    def decode(self, name: str, resource: Versioned) -> Resource:
        """One resource. Raises: as `decode_resource`."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] == resource:
            return kept[1]
        return decode_resource(kind_of(name), resource.body)

    def keep(self, resources: Resources, decoded: Mapping[str, Resource]) -> None:
        """These have been decoded; all others are forgotten."""
        self._kept = {name: (resources[name], value) for name, value in decoded.items()}


def decode_configuration(
    resources: Resources, version: str, origin: str, decoder: Decoder | None = None
) -> tuple[Snapshot, dict[str, CertificatePem]]:
    """What `encode_configuration` was given, with the certificates' files named as `IN_MEMORY`.

    Args: origin - where it came from, for a person; decoder - who decodes one configuration after the other keeps one.
    Raises: ConfigErrors with every resource that cannot be read.
    """
    decoder = decoder or Decoder()
    decoded: dict[str, Resource] = {}
    pems: dict[str, CertificatePem] = {}
    errors: list[ConfigError] = []
    for name, resource in resources.items():
        kind, slash, rest = name.partition("/")
        try:
            if kind == CERTIFICATE and slash:
                pems[rest] = msgspec.msgpack.decode(resource.body, type=CertificatePem)
            else:
                decoded[name] = decoder.decode(name, resource)
        except KeyError:
            errors.append(_unreadable(origin, name, f"this proxy knows no resource of the kind {kind!r}"))
        except (msgspec.MsgspecError, ValueError) as error:
            errors.append(_unreadable(origin, name, str(error)))
    if errors:
        raise ConfigErrors(errors)
    decoder.keep(resources, decoded)
    listeners: dict[str, Listener] = {}
    tables: dict[str, RouteTable] = {}
    clusters: dict[str, Cluster] = {}
    access_log: AccessLog | None = None
    for name, value in decoded.items():
        rest = name.partition("/")[2]
        match value:
            case Listener():
                listeners[rest] = value
            case RouteTable():
                tables[rest] = value
            case Cluster():
                clusters[rest] = value
            case AccessLog():
                access_log = value
    snapshot = Snapshot(
        version=version,
        listeners=listeners,
        route_tables=tables,
        clusters=clusters,
        certificates=dict.fromkeys(pems, IN_MEMORY),
        access_log=access_log,
    )
    return snapshot, pems


def _presented(listener: Listener) -> list[str]:
    return [name for chain in listener.filter_chains for name in chain.transport.certificates]


def _unreadable(origin: str, name: str, message: str) -> ConfigError:
    hint = "run proxies and control of one version of hauberk; older proxies may not know what a newer control sends"
    return ConfigError(origin=origin, path=name, message=message, hint=hint)
