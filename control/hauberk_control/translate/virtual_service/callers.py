"""Whether a condition holds for a caller and the port that it calls: what a proxy knows before any request comes."""

from collections.abc import Sequence

from hauberk_control.translate.destination_rule import Caller
from hauberk_core.resources.istio.virtual_service import MESH, HttpMatch, L4Match, TlsMatch


def for_sidecars(gateways: Sequence[str]) -> bool:
    """Whether rules with these gateways are for sidecars. Args: gateways - none: they do not say."""
    return not gateways or MESH in gateways


def concerns(match: HttpMatch | L4Match | TlsMatch, gateways: Sequence[str], caller: Caller, port: int) -> bool:
    """Whether a match may take anything that comes from a caller for a port. Args: gateways - the object's."""
    if not for_sidecars(match.gateways or gateways) or match.port not in (None, port):
        return False
    if match.source_namespace and match.source_namespace != caller.namespace:
        return False
    labels = dict(caller.labels)
    return all(labels.get(name) == value for name, value in match.source_labels.items())
