"""Which proxies in front of a Gateway say whose connections they pass on, by the PROXY protocol.

Gateway API has no field for it: what a load balancer does is a matter of the place where the Gateway runs, so that an annotation
of the Gateway says it.
"""

import ipaddress
from typing import Final

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import Gateway

PROXY_PROTOCOL_ANNOTATION: Final = "hauberk.dev/proxy-protocol-from"
MOST_RANGES: Final = 64
"""More than a balancer has networks; every connection is looked up among them."""


def trusted_proxies(gateway: Gateway) -> tuple[tuple[str, ...], list[Mistake]]:
    """Addresses and ranges, and what is wrong with others: these are left out, so that nobody is believed by mistake."""
    return read_ranges(gateway, PROXY_PROTOCOL_ANNOTATION)


def read_ranges(gateway: Gateway, annotation: str) -> tuple[tuple[str, ...], list[Mistake]]:
    """The addresses and ranges that an annotation names, and what is wrong with others, which are left out."""
    written = gateway.metadata.annotations.get(annotation, "")
    path = ("metadata", "annotations", annotation)
    found: dict[str, None] = {}
    mistakes: list[Mistake] = []
    for text in [part.strip() for part in written.split(",") if part.strip()]:
        try:
            found[str(ipaddress.ip_network(text))] = None
        except ValueError:
            message = f"{quote(text)} is neither an address nor a range of addresses"
            mistakes.append(Mistake(path, message, "write for example '10.0.0.7' or '10.0.0.0/8', with commas between several"))
    if len(found) > MOST_RANGES:
        message = f"{len(found)} ranges, {MOST_RANGES} are allowed; the others are left out"
        mistakes.append(Mistake(path, message, "write larger ranges"))
    return tuple(found)[:MOST_RANGES], mistakes
