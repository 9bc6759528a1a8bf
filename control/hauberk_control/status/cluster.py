"""What of a cluster goes into the status of Gateway API's objects, beside the objects themselves."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hauberk_control.gateways.addresses import GatewayAddresses, gateway_addresses
from hauberk_control.gateways.names import deployed_name
from hauberk_control.gateways.plan import GatewayPlan
from hauberk_control.gateways.refusals import Refusal
from hauberk_control.gateways.wanted import WantedGateways
from hauberk_control.store import Store
from hauberk_core.resources import Gateway


class Deployed(NamedTuple):
    """What came of making a Gateway's pods and Service."""

    addresses: GatewayAddresses
    trouble: str = ""
    """What is wrong with its parameters; nothing was made for it."""
    refusals: tuple[Refusal, ...] = ()
    """What the API server does not let be made."""


class Cluster(NamedTuple):
    """A cluster, as it is now."""

    deployed: Callable[[Gateway], Deployed | None]
    """None: another control's."""
    api_versions: frozenset[str]
    """Of Gateway API's definitions: their annotation `gateway.networking.k8s.io/bundle-version`; empty: one has none."""


def cluster_facts(
    store: Store, wanted: WantedGateways, api_versions: frozenset[str], refusals: Sequence[Refusal] = ()
) -> Cluster:
    """What there is to say of a cluster. Args: wanted - what its Gateways ask for; refusals - what of it cannot be made."""

    def deployed(gateway: Gateway) -> Deployed | None:
        plan = wanted.plans.get((gateway.metadata.namespace, gateway.metadata.name))
        return _deployed(gateway, plan, store, refusals) if plan is not None else None

    return Cluster(deployed, api_versions)


def _deployed(gateway: Gateway, plan: GatewayPlan, store: Store, refusals: Sequence[Refusal]) -> Deployed:
    made = (gateway.metadata.namespace, deployed_name(gateway.metadata.name, gateway.spec.gateway_class_name))
    services = [store.service(*name) for name in plan.wanted.services or (made,)]
    own = tuple([refusal for refusal in refusals if (refusal.key.namespace, refusal.key.name) == made])
    return Deployed(gateway_addresses(plan.wanted, services), plan.trouble, () if plan.wanted.is_manual else own)
