"""Bundles of authorities that objects refer to: ConfigMaps with `ca.crt`."""

import ssl
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from hauberk_control.store import Store, key_of
from hauberk_control.translate.memory import Memory
from hauberk_control.translate.reference import Grants
from hauberk_core.model.check import LARGEST_BUNDLE
from hauberk_core.model.errors import quote
from hauberk_core.net.tls_context import load_trust
from hauberk_core.resources import ConfigMap, Resource
from hauberk_core.resources.gateway_api.references import ObjectReference
from hauberk_core.resources.meta import LocalObjectReference

CA_ENTRY: Final = "ca.crt"


class NoBundle(NamedTuple):
    """A reference that leads to no bundle: whether it names a wrong kind, lacks a grant, or what is there is no use."""

    fault: Literal["kind", "grant", "bundle"]
    message: str
    hint: str


class Authorities(NamedTuple):
    """What references lead to."""

    pem: str
    """All bundles, one behind the other; empty: there is none."""
    troubles: tuple[NoBundle, ...]


class Bundles:
    """Those of a store."""

    def __init__(self, store: Store, grants: Grants, memory: Memory[str]) -> None:
        """Args: memory - what came of each bundle, because it takes OpenSSL milliseconds, whoever refers to it how often."""
        self._store: Final = store
        self._grants: Final = grants
        self._memory: Final = memory

    def read(self, owner: Resource, references: Sequence[ObjectReference | LocalObjectReference]) -> Authorities:
        """Read the bundles that an object refers to."""
        pems: list[str] = []
        troubles: list[NoBundle] = []
        for reference in references:
            found = self._find(owner, reference)
            if isinstance(found, NoBundle):
                troubles.append(found)
            elif sum(map(len, pems)) + len(found) > LARGEST_BUNDLE:
                message = f"the bundles have more than {LARGEST_BUNDLE} octets together"
                troubles.append(NoBundle("bundle", message, "leave out authorities that nobody needs"))
            else:
                pems.append(found)
        return Authorities("\n".join(pems), tuple(troubles))

    def _find(self, owner: Resource, reference: ObjectReference | LocalObjectReference) -> str | NoBundle:
        own = owner.metadata.namespace
        namespace = (reference.namespace if isinstance(reference, ObjectReference) else None) or own
        if (reference.group, reference.kind) != (ConfigMap.GROUP, ConfigMap.KIND):
            return NoBundle("kind", f"{reference.kind} {reference.name} is no ConfigMap", f"refer to a ConfigMap with {CA_ENTRY}")
        source, target = (owner.GROUP, owner.KIND, own), (ConfigMap.GROUP, ConfigMap.KIND, namespace)
        if not self._grants.allow(source, target, reference.name):
            message = f"the namespace {quote(namespace)} does not let {owner.KIND}s of {quote(own)} refer to its ConfigMaps"
            return NoBundle("grant", message, f"add a ReferenceGrant in {namespace}")
        found = self._store.get(ConfigMap, namespace, reference.name)
        if found is None:
            message = f"there is no ConfigMap {namespace}/{reference.name}"
            return NoBundle("bundle", message, "correct the name, or add the ConfigMap")
        pem = self._memory.get(key_of(found), (found,), lambda: _bundle(found))
        if not pem:
            message = f"the ConfigMap {namespace}/{reference.name} has no certificate that OpenSSL can load under {CA_ENTRY}"
            return NoBundle("bundle", message, "put the authorities there, in PEM")
        return pem


def _bundle(found: ConfigMap) -> str:
    """The authorities in a ConfigMap; empty: there are none that OpenSSL can load."""
    pem = found.entry(CA_ENTRY) or b""
    try:
        load_trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)
    except (ssl.SSLError, ValueError):
        return ""
    return pem.decode("ascii", "ignore")
