"""From a Gateway to what a cluster should have for it: a pure function."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from hauberk_control.gateways.addresses import WantedAddresses, wanted_addresses
from hauberk_control.gateways.listening import gateway_ports
from hauberk_control.gateways.objects import Making, autoscaler, deployment, disruption_budget, service, service_account
from hauberk_control.gateways.overlay import overlaid
from hauberk_control.proxy_pod import Manifest
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.resources import Gateway
from hauberk_core.resources.gateway_api.gateway import GatewayListener
from hauberk_core.resources.meta import LocalObjectReference
from hauberk_core.resources.one_document import read_one_document

Parameters = Callable[[str, str], Mapping[str, str] | None]
"""The texts of a ConfigMap, by its namespace and name; None: there is no such one."""

# Entries of the ConfigMap that a Gateway's infrastructure names, as in Istio, in the order in which the objects are made: who the
# pods are before the pods.
_MAKERS: Final[dict[str, Callable[[Making], Manifest]]] = {
    "serviceAccount": service_account,
    "service": service,
    "deployment": deployment,
    "podDisruptionBudget": disruption_budget,
    "horizontalPodAutoscaler": autoscaler,
}
_ONLY_IF_ASKED: Final = "horizontalPodAutoscaler"


class GatewayPlan(NamedTuple):
    """What a cluster should have for one Gateway."""

    objects: tuple[Manifest, ...]
    """To be applied, in this order. None for a Gateway that is served by pods of somebody's own."""
    wanted: WantedAddresses
    trouble: str = ""
    """What is wrong with its parameters (InvalidParameters): then nothing of what there is may be changed."""


def plan_gateway(
    gateway: Gateway,
    listeners: Sequence[GatewayListener],
    settings: ProxySettings,
    parameters: Parameters,
    namespace_annotations: Mapping[str, str] = MappingProxyType({}),
) -> GatewayPlan:
    """What to have for a Gateway of ours. Args: listeners - its own, and those that ListenerSets add."""
    wanted = wanted_addresses(gateway)
    if wanted.is_manual:
        return GatewayPlan((), wanted)
    try:
        overlays = _read_overlays(gateway, parameters)
    except _WrongParameters as wrong:
        return GatewayPlan((), wanted, str(wrong))
    making = Making(
        gateway,
        gateway_ports(listeners),
        settings,
        load_balancer_ip=wanted.ips[0] if wanted.ips else "",
        namespace_annotations=namespace_annotations,
        sets_replicas=_ONLY_IF_ASKED not in overlays,
    )
    objects: list[Manifest] = []
    for entry, make in _MAKERS.items():
        if entry in overlays or entry != _ONLY_IF_ASKED:
            objects.append(_with_overlay(make(making), overlays.get(entry, {})))
    return GatewayPlan(tuple(objects), wanted)


class _WrongParameters(Exception):
    """The parameters cannot be used; the message is for the Gateway's owner."""


def _read_overlays(gateway: Gateway, parameters: Parameters) -> dict[str, Mapping[str, object]]:
    infrastructure = gateway.spec.infrastructure
    reference = infrastructure.parameters_ref if infrastructure is not None else None
    if reference is None:
        return {}
    texts = _texts(reference, gateway.metadata.namespace, parameters)
    overlays: dict[str, Mapping[str, object]] = {}
    for entry, text in texts.items():
        if entry not in _MAKERS:
            raise _WrongParameters(f"ConfigMap {reference.name}: there is no entry {entry!r}; there are {', '.join(_MAKERS)}")
        try:
            value = read_one_document(text.encode(), f"{reference.name}[{entry}]")
        except ConfigErrors as refused:
            raise _WrongParameters(f"ConfigMap {refused.errors[0]}") from refused
        if value is not None and not isinstance(value, dict):
            raise _WrongParameters(f"ConfigMap {reference.name}: {entry} is no object; write fields such as spec")
        overlays[entry] = value or {}
    return overlays


def _texts(reference: LocalObjectReference, namespace: str, parameters: Parameters) -> Mapping[str, str]:
    if (reference.group, reference.kind) != ("", "ConfigMap"):
        raise _WrongParameters(f"parametersRef names a {reference.kind}; only a ConfigMap of the Gateway's namespace is read")
    texts = parameters(namespace, reference.name)
    if texts is None:
        raise _WrongParameters(f"there is no ConfigMap {namespace}/{reference.name}")
    return texts


def _with_overlay(made: Manifest, overlay: Mapping[str, object]) -> Manifest:
    """What was made with what its owner wants, except for what tells whose it is."""
    merged = overlaid(made, {name: value for name, value in overlay.items() if name not in ("apiVersion", "kind")})
    merged["metadata"] = _with_own_identity(made["metadata"], merged.get("metadata"))
    return merged


def _with_own_identity(made: object, merged: object) -> Manifest:
    assert isinstance(made, dict)
    if not isinstance(merged, dict):
        return made
    labels = merged.get("labels")
    kept = {name: made[name] for name in ("name", "namespace", "ownerReferences")}
    return {**merged, **kept, "labels": {**(labels if isinstance(labels, dict) else {}), **made["labels"]}}
