"""Scenarios for conditions: what objects of Gateway API are told, without the words for people."""

from collections.abc import Iterable

from resource_scenarios import store_of

from hauberk_control.status.conditions import Condition, Status
from hauberk_control.status.statuses import statuses
from hauberk_control.store import ObjectKey

GROUP = "gateway.networking.k8s.io"
ACCEPTED = ("True", "Accepted")
PROGRAMMED = ("True", "Programmed")
RESOLVED = ("True", "ResolvedRefs")


def told(conditions: Iterable[Condition]) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition, by its type."""
    return {condition.type: (condition.status, condition.reason) for condition in conditions}


def status_of(kind: str, name: str, *texts: str, namespace: str = "default") -> Status:
    """The status of an object of Gateway API in a world of YAML texts."""
    return statuses(store_of(*texts))[ObjectKey(GROUP, kind, namespace, name)]


def listeners_of(status: Status) -> dict[str, dict[str, tuple[str, str]]]:
    """The conditions of each listener, by its name."""
    return {listener.name: told(listener.conditions) for listener in status.listeners}


def gateway(listeners: str = "{name: http, port: 80, protocol: HTTP}", more: str = "", class_: str = "hauberk") -> str:
    """A Gateway `web` with listeners in the flow style, one after the other."""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web, generation: 7}}
spec:
  gatewayClassName: {class_}
  {more}
  listeners: [{listeners}]
"""


def route(kind: str, spec: str, name: str = "shop", namespace: str = "default", parents: str = "{name: web}") -> str:
    """A route of any kind."""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}, generation: 3}}
spec: {{parentRefs: [{parents}], {spec}}}
"""
