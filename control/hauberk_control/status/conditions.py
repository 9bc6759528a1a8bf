"""Conditions of objects as values, named and meant as in Gateway API v1; when they changed is for whoever writes them down."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from hauberk_core.model.errors import ConfigError
from hauberk_core.resources.gateway_api.gateway import RouteGroupKind
from hauberk_core.resources.gateway_api.references import ParentReference

MOST_TOLD: Final = 5
"""Mistakes in one message; who mends these sees the others."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that is so, or not."""

    type: str
    status: Literal["True", "False"]
    reason: str
    message: str = ""
    observed_generation: int = 0
    """The object's, when this was found."""


class ListenerStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a listener of a Gateway or of a ListenerSet stands."""

    name: str
    supported_kinds: tuple[RouteGroupKind, ...]
    attached_routes: int
    conditions: tuple[Condition, ...]


class ParentStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of one parent reference of a route."""

    parent_ref: ParentReference
    controller_name: str
    conditions: tuple[Condition, ...]


class AncestorStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a policy where it is in force: at a Gateway, or at its very target."""

    ancestor_ref: ParentReference
    controller_name: str
    conditions: tuple[Condition, ...]


class AddressStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Gateway is reached."""

    type: Literal["IPAddress", "Hostname"]
    value: str


class SupportedFeature(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What Gateways of a class can do, as Gateway API's conformance suite calls it."""

    name: str


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What there is to say of an object."""

    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()
    """A Gateway's, or a ListenerSet's."""
    addresses: tuple[AddressStatus, ...] = ()
    """A Gateway's."""
    attached_listener_sets: int | None = None
    """A Gateway's."""
    parents: tuple[ParentStatus, ...] = ()
    """A route's."""
    ancestors: tuple[AncestorStatus, ...] = ()
    """A policy's of Gateway API."""
    supported_features: tuple[SupportedFeature, ...] = ()
    """A GatewayClass's."""


def holds(type_: str, reason: str, generation: int, message: str = "") -> Condition:
    """A condition that is so."""
    return Condition(type=type_, status="True", reason=reason, message=message, observed_generation=generation)


def fails(type_: str, reason: str, generation: int, message: str) -> Condition:
    """A condition that is not so."""
    return Condition(type=type_, status="False", reason=reason, message=message, observed_generation=generation)


def joined(messages: Sequence[str], between: str = "; ") -> str:
    """Several sentences, or names, as one message, bounded."""
    told = between.join(messages[:MOST_TOLD])
    return f"{told}{between}and {len(messages) - MOST_TOLD} more" if len(messages) > MOST_TOLD else told


def told(error: ConfigError) -> str:
    """The message, and where in the object: the row has the object's own place."""
    places = [f"line {error.line}"] if error.line else []
    places += [error.path] if error.path else []
    return f"{error.message} ({', '.join(places)})" if places else error.message
