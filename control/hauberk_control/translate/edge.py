"""Which proxies in front of a Gateway are believed about the clients whose requests they pass on.

Gateway API has no field for it, so that annotations of the Gateway say it.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.translate.mesh_config import MeshSettings, told_certificate, topology_of
from hauberk_control.translate.proxy_protocol import read_ranges
from hauberk_core.model.edge import CertificateForwarding, Edge
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import Gateway
from hauberk_core.resources.istio.mesh_config import Topology

TRUSTED_HOPS: Final = "hauberk.dev/trusted-hops"
TRUSTED_PROXIES: Final = "hauberk.dev/trusted-proxies"
ADDRESS_FIELD: Final = "hauberk.dev/client-address-field"
FORWARDED: Final = "hauberk.dev/forwarded"
PROXY_CONFIG: Final = "proxy.istio.io/config"

_FIELDS: Final[dict[str, Literal["x-forwarded-for", "forwarded"]]] = {
    "x-forwarded-for": "x-forwarded-for",
    "forwarded": "forwarded",
}
_FORWARDED: Final[dict[str, Literal["remove", "append", "replace"]]] = {
    "remove": "remove",
    "append": "append",
    "replace": "replace",
}
# More stand in front of nobody.
_MOST_HOPS: Final = 32


class Trust(NamedTuple):
    """What a Gateway believes."""

    edge: Edge
    client_certificate: CertificateForwarding


def trust_of(gateway: Gateway, mesh: MeshSettings) -> tuple[Trust, list[Mistake]]:
    """Whom a Gateway believes, and what is wrong with what it says: that has no effect, and nobody is believed by mistake."""
    annotations = gateway.metadata.annotations
    if gateway.spec.infrastructure is not None:
        annotations = {**gateway.spec.infrastructure.annotations, **annotations}
    mistakes: list[Mistake] = []
    topology = _topology(annotations, mistakes)
    edge = _edge(gateway, annotations, _hops(annotations, topology, mesh, mistakes), mistakes)
    return Trust(edge, told_certificate(topology) or mesh.client_certificate), mistakes


def _edge(gateway: Gateway, annotations: dict[str, str], hops: int, mistakes: list[Mistake]) -> Edge:
    edge = Edge(trusted_hops=hops)
    ranges, wrong = read_ranges(gateway, TRUSTED_PROXIES)
    mistakes.extend(wrong)
    if ranges or wrong:
        edge = Edge(trusted_proxies=ranges)
        if TRUSTED_HOPS in annotations:
            message = f"proxies in front are told by {TRUSTED_PROXIES}, so that their number has no effect"
            mistakes.append(Mistake(_path(TRUSTED_HOPS), message, "remove one of the two annotations", "warning"))
    field = annotations.get(ADDRESS_FIELD)
    if field is not None:
        found = _FIELDS.get(field.lower())
        if found is None:
            message = f"{quote(field)} is no field in which proxies list addresses"
            mistakes.append(Mistake(_path(ADDRESS_FIELD), message, "write X-Forwarded-For or Forwarded"))
            return Edge()
        edge = msgspec.structs.replace(edge, address_field=found)
    forwarded = annotations.get(FORWARDED)
    if forwarded is not None:
        way = _FORWARDED.get(forwarded)
        if way is None:
            message = f"{quote(forwarded)} is nothing that can become of the field Forwarded"
            mistakes.append(Mistake(_path(FORWARDED), message, "write remove, append or replace"))
        else:
            edge = msgspec.structs.replace(edge, forwarded=way)
    return edge


def _hops(annotations: dict[str, str], topology: Topology, mesh: MeshSettings, mistakes: list[Mistake]) -> int:
    own = annotations.get(TRUSTED_HOPS)
    if own is not None:
        if own.isascii() and own.isdecimal() and len(own) < 4 and int(own) <= _MOST_HOPS:
            return int(own)
        message = f"{quote(own)} is no number of proxies from 0 to {_MOST_HOPS}"
        mistakes.append(Mistake(_path(TRUSTED_HOPS), message, "write for example '1'"))
        return 0
    hops = topology.num_trusted_proxies
    return mesh.trusted_hops if hops is None else hops


def _topology(annotations: dict[str, str], mistakes: list[Mistake]) -> Topology:
    text = annotations.get(PROXY_CONFIG)
    if text is None:
        return Topology()
    try:
        return topology_of(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        hint = hint or "see Istio's reference of ProxyConfig for the form of this member"
        mistakes.append(Mistake(_path(PROXY_CONFIG), message, hint))
        return Topology(num_trusted_proxies=0)


def _path(annotation: str) -> tuple[str, str, str]:
    return ("metadata", "annotations", annotation)
