"""To which listeners of a Gateway or a ListenerSet a route attaches, and with which host names."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hauberk_control.translate.chosen_namespaces import chooses
from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_control.translate.hostnames import intersect
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.gateway_api.route import Route


class Attached(NamedTuple):
    """One listener that takes the route."""

    listener: str
    """Its `name` among all of the Gateway's."""
    hosts: tuple[str, ...]
    """For which of the listener's names; `*`: all of them."""


class Attachment(NamedTuple):
    """What came of one parent reference: listeners, or the reason (as Gateway API calls it) that there is none."""

    listeners: tuple[Attached, ...]
    reason: str = "Accepted"
    message: str = ""


def attach(
    route: Route, parent: ParentReference, states: Sequence[ListenerState], namespaces: Mapping[str, dict[str, str]]
) -> Attachment:
    """Hold a route against the listeners that it names.

    Args: states - of the parent's own listeners; namespaces - the labels of each that is known.
    """
    named = [
        state for state in states if parent.section_name in (None, state.spec.name) and parent.port in (None, state.spec.port)
    ]
    if not named:
        return Attachment((), "NoMatchingParent", f"the {parent.kind} has no listener of this sectionName and port")
    own = route.metadata.namespace
    allowed = [
        state
        for state in named
        if route.KIND in state.kinds
        and chooses(state.spec.allowed_routes.namespaces, state.owner.metadata.namespace, own, namespaces)
    ]
    if not allowed:
        return Attachment((), "NotAllowedByListeners", "the listener's allowedRoutes leave this route out")
    attached = [Attached(state.name, intersect(state.spec.hostname, route.hosts())) for state in allowed]
    matching = tuple([one for one in attached if one.hosts])
    if not matching:
        return Attachment((), "NoMatchingListenerHostname", "no host name of the route is one of the listener's")
    return Attachment(matching)
