"""What of a cluster goes into the status of Gateway API's objects, beside the objects themselves."""

from collections.abc import Callable
from typing import NamedTuple

from hauberk_control.gateways.addresses import GatewayAddresses
from hauberk_core.resources import Gateway


class Deployed(NamedTuple):
    """What came of making a Gateway's pods and Service."""

    addresses: GatewayAddresses
    trouble: str = ""
    """What is wrong with its parameters; nothing was made for it."""


class Cluster(NamedTuple):
    """A cluster, as it is now."""

    deployed: Callable[[Gateway], Deployed]
    api_versions: frozenset[str]
    """Of Gateway API's definitions: their annotation `gateway.networking.k8s.io/bundle-version`; empty: one has none."""
