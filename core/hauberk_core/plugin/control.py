"""The public face for a plugin's control half: what it adds to translation and to the command, in the control service.

A control half is a module named by an entry point of the group `hauberk.control`; the entry point's name is the plugin's, the
same as its data half's. The two halves run in different processes and do not import each other: what one says to the other is the
configuration.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol, TypeVar

import msgspec
import pluggy

from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import JsonObject, PluginConfig
from hauberk_core.plugin.installed import CONTROL
from hauberk_core.resources.gateway_api.rule_name import rule_name
from hauberk_core.resources.istio.destination_rule import TrafficPolicy
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import Part

API: Final = "1"
"""The version of this face; a plugin says `HAUBERK_API = "1"`."""
GROUP: Final = CONTROL
"""The entry-point group of control halves."""

hookspec: Final = pluggy.HookspecMarker("hauberk.control")
hookimpl: Final = pluggy.HookimplMarker("hauberk.control")


ResourceT = TypeVar("ResourceT", bound=Resource)


class Scope(Protocol):
    """One proxy, and the resources that may concern it."""

    @property
    def role(self) -> str:
        """`gateway` or `sidecar`."""

    @property
    def name(self) -> str:
        """The gateway's `namespace/name`, or the workload's name."""

    @property
    def namespace(self) -> str:
        """The proxy's."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The workload's."""

    @property
    def policies(self) -> Mapping[str, TrafficPolicy]:
        """What DestinationRules say of the proxy's clusters, by their names in the snapshot; one without a rule is left out.

        Of the levels (host, subset, port) only what counts is there, and no settings for ports.
        """

    def of(self, kind: type[ResourceT]) -> Sequence[ResourceT]:
        """All resources of one kind, the core's or the plugin's own, by namespace and name."""

    def secret(self, purpose: str) -> str:
        """A secret of the mesh for one purpose of the plugin: the same each time, and nothing that others can work out.

        Whatever has it in its configuration keeps it under the name `secret`, so that nobody is shown it.
        """


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a resource. People are told it with the file, the line and the column of the field."""

    resource: Resource
    path: Path = ()
    """Of the field, in the written names: `("spec", "teams", 0)`."""
    message: str
    """What is wrong."""
    hint: str
    """What to write instead."""
    severity: Literal["error", "warning"] = "error"
    """`error`: the resource is not `Accepted`; `warning`: it is, in part."""


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's control half wants its data half to get on one proxy."""

    listener: tuple[PluginConfig, ...] = ()
    """For every filter chain."""
    routes: dict[str, tuple[PluginConfig, ...]] = {}
    """By the route's name in the snapshot: `rule_name` for the rules of HTTPRoutes."""
    clusters: dict[str, tuple[PluginConfig, ...]] = {}
    """By the cluster's name in the snapshot."""
    problems: tuple[Problem, ...] = ()
    """Resources that were refused, and why; the rest goes on."""


class PolicyUse(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a PluginPolicy beside the plugin's getting its configuration."""

    at_callers: bool = False
    """On a Service: the plugin works at the proxies that call it, in the routes that lead there, and not at its workloads."""
    at_endpoints: bool = False
    """On a Service: the plugin guards its endpoints, at every proxy that calls it, and notices when they fail."""
    versions: dict[str, int] = {}
    """On a Service: the weights by which its requests are divided among the versions of its workloads; none: they are not."""
    version_label: str = "version"
    """The label by which workloads tell their version."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A subcommand of `hauberk`, imported when it is called."""

    name: str
    module: str
    attribute: str
    """The click command in that module."""
    help: str
    """One line for `hauberk --help`."""


class ControlHooks:
    """The hooks of a control half."""

    @hookspec
    def hauberk_kinds(self) -> Sequence[type[Resource]]:
        """The kinds of resources that the plugin understands, beside the core's. Asked once, when control starts."""
        return ()

    @hookspec
    def hauberk_policy(self, kind: str, config: dict[str, object]) -> PolicyUse | None:
        """What a PluginPolicy with this configuration means. Pure. None: nothing but that the plugin gets it at its target.

        Args: kind - of the target: `Gateway`, `HTTPRoute` or `Service`. What it raises refuses the policy, with the message as
        the reason, before any proxy hears of it.
        """

    @hookspec
    def hauberk_translate(self, scope: Scope) -> Attached | None:
        """The plugin's configuration for one proxy. Pure: equal resources give equal configuration.

        What it raises is logged and shown in the status of control; the plugin then adds nothing, and the rest goes on.
        """

    @hookspec
    def hauberk_commands(self) -> Sequence[Command]:
        """Subcommands of `hauberk`. A name that is taken already is refused."""
        return ()


__all__ = [
    "API",
    "GROUP",
    "Attached",
    "Command",
    "ControlHooks",
    "JsonObject",
    "Mistake",
    "Part",
    "PluginConfig",
    "PolicyUse",
    "Problem",
    "Resource",
    "Scope",
    "hookimpl",
    "hookspec",
    "rule_name",
]
