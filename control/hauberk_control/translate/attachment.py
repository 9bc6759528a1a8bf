"""To which listeners of a Gateway an HTTPRoute attaches, and with which host names."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.hostnames import intersect
from hauberk_core.resources import Gateway, HTTPRoute
from hauberk_core.resources.gateway_api.gateway import RouteNamespaces
from hauberk_core.resources.gateway_api.references import ParentReference


class Attached(NamedTuple):
    """One listener that takes the route."""

    listener: str
    hosts: tuple[str, ...]
    """For which of the listener's names; `*`: all of them."""


class Attachment(NamedTuple):
    """What came of one parent reference: listeners, or the reason (as Gateway API calls it) that there is none."""

    listeners: tuple[Attached, ...]
    reason: str = "Accepted"
    message: str = ""


def attach(
    route: HTTPRoute,
    parent: ParentReference,
    gateway: Gateway,
    states: Sequence[ListenerState],
    namespaces: Mapping[str, dict[str, str]],
) -> Attachment:
    """Hold a route against the listeners that it names.

    Args: namespaces - the labels of each that is known.
    """
    named = [
        state for state in states if parent.section_name in (None, state.spec.name) and parent.port in (None, state.spec.port)
    ]
    if not named:
        return Attachment((), "NoMatchingParent", "the Gateway has no listener of this sectionName and port")
    allowed = [state for state in named if state.takes_routes and _allowed(route, gateway, state, namespaces)]
    if not allowed:
        return Attachment((), "NotAllowedByListeners", "the listener's allowedRoutes leave this route out")
    attached = [Attached(state.spec.name, intersect(state.spec.hostname, route.spec.hostnames)) for state in allowed]
    matching = tuple([one for one in attached if one.hosts])
    if not matching:
        return Attachment((), "NoMatchingListenerHostname", "no host name of the route is one of the listener's")
    return Attachment(matching)


def _allowed(route: HTTPRoute, gateway: Gateway, state: ListenerState, namespaces: Mapping[str, dict[str, str]]) -> bool:
    rule: RouteNamespaces = state.spec.allowed_routes.namespaces
    own = route.metadata.namespace
    match rule.from_:
        case "All":
            return True
        case "Same":
            return own == gateway.metadata.namespace
        case "Selector":
            # Kubernetes gives every namespace this label.
            labels = {"kubernetes.io/metadata.name": own} | namespaces.get(own, {})
            return rule.selector is not None and rule.selector.matches(labels)
        case _:
            return False
