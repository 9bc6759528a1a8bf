"""What all Gateways together ask of a cluster: a pure function of what control knows."""

from typing import NamedTuple

from hauberk_control.gateways.names import deployed_name
from hauberk_control.gateways.plan import GatewayPlan, plan_gateway
from hauberk_control.gateways.revision import asked_revision, is_of
from hauberk_control.proxy_settings import ProxySettings
from hauberk_control.translate.view import View
from hauberk_core.resources import ConfigMap, Gateway, Namespace

GatewayKey = tuple[str, str]
"""Namespace and name."""


class WantedGateways(NamedTuple):
    """What there should be, and what must not be touched."""

    plans: dict[GatewayKey, GatewayPlan]
    """Of the Gateways that are this control's."""
    names: frozenset[GatewayKey]
    """Namespace and name of objects that some Gateway's are, if only of another revision: nobody removes these."""


def wanted_gateways(view: View, settings: ProxySettings) -> WantedGateways:
    """Look at all Gateways of our classes."""
    store = view.store

    def parameters(namespace: str, name: str) -> dict[str, str] | None:
        found = store.get(ConfigMap, namespace, name)
        return None if found is None else found.data

    plans: dict[GatewayKey, GatewayPlan] = {}
    names: set[GatewayKey] = set()
    for gateway in store.of(Gateway):
        class_name, namespace = gateway.spec.gateway_class_name, gateway.metadata.namespace
        if not view.class_is_ours(class_name):
            continue
        own = store.get(Namespace, "", namespace)
        revision = asked_revision(gateway, own)
        if is_of(revision, settings.revision, settings.inject.tags):
            listeners = [state.spec for state in view.listeners(gateway)]
            annotations = own.metadata.annotations if own is not None else {}
            plan = plan_gateway(gateway, listeners, settings, parameters, annotations)
            plans[namespace, gateway.metadata.name] = plan
            if plan.wanted.is_manual:
                continue
        names.add((namespace, deployed_name(gateway.metadata.name, class_name)))
    return WantedGateways(plans, frozenset(names))
