"""PluginPolicy."""

from typing import Annotated, ClassVar, Literal

import msgspec

from hauberk_core.model.plugin import JsonObject, Phase
from hauberk_core.resources.duration import GatewayDuration
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Group, Kind, Subdomain
from hauberk_core.resources.part import Part


class PolicyTargetReference(Part, frozen=True, kw_only=True):
    """What a policy applies to, in its own namespace: a whole object, or one listener or rule of it."""

    group: Group
    kind: Kind
    name: Subdomain
    section_name: Subdomain | None = None


class PluginPolicySpec(Part, frozen=True, kw_only=True):
    """Which plugin, where, when, and how."""

    target_refs: Annotated[tuple[PolicyTargetReference, ...], msgspec.Meta(min_length=1, max_length=16)]
    plugin: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    """The name under which the plugin's package registers itself."""
    version: str | None = None
    """Versions of that package that will do, as in `>=1.2,<2`; a proxy with another one lacks the plugin. Not said: any."""
    phase: Phase = "traffic"
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    """Order inside the phase: the smallest first."""
    failure: Literal["open", "closed"] = "closed"
    """What becomes of a request whose filter fails: it goes on, or it is refused."""
    timeout: GatewayDuration | None = None
    """How long one step of an asynchronous filter may take; longer is a failure."""
    config: JsonObject = JsonObject("{}")
    """Whatever the plugin understands."""


class PluginPolicy(Resource, frozen=True, kw_only=True):
    """Attaches a plugin to traffic."""

    GROUP: ClassVar[str] = "hauberk.dev"
    KIND: ClassVar[str] = "PluginPolicy"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha1",)

    spec: PluginPolicySpec
