"""What the control service does: it reads a kind of resource of our own, which says which teams a Gateway lets in."""

from typing import Annotated, ClassVar

import msgspec

from hauberk_core.plugin.control import Attached, JsonObject, Part, PluginConfig, Problem, Resource, Scope, hookimpl
from hauberk_core.resources import Gateway

HAUBERK_API = "1"


class ExampleTeamsSpec(Part, frozen=True, kw_only=True):
    """Fields are written as in Kubernetes; those that are not declared here are mistakes, and are told with their places."""

    gateway: str
    """Its name, in the namespace of this object."""
    teams: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    """Who is let in."""


class ExampleTeams(Resource, frozen=True, kw_only=True):
    """Whose requests a Gateway takes."""

    # A domain of yours, so that nobody else's kind is called the same.
    GROUP: ClassVar[str] = "example-teams.example.com"
    KIND: ClassVar[str] = "ExampleTeams"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: ExampleTeamsSpec


@hookimpl
def hauberk_kinds() -> list[type[Resource]]:
    """Control reads objects of these kinds from now on."""
    return [ExampleTeams]


@hookimpl
def hauberk_translate(scope: Scope) -> Attached:
    """For a gateway's proxy: its filter chains get the data half, told the teams of all objects that name this Gateway."""
    gateways = {(known.metadata.namespace, known.metadata.name) for known in scope.of(Gateway)}
    teams: set[str] = set()
    problems: list[Problem] = []
    for access in scope.of(ExampleTeams):
        namespace, name = access.metadata.namespace, access.spec.gateway
        if (namespace, name) not in gateways:
            message = f"there is no Gateway {namespace}/{name}"
            hint = "correct the name, or add the Gateway"
            problems.append(Problem(resource=access, path=("spec", "gateway"), message=message, hint=hint))
        elif (scope.role, scope.name) == ("gateway", f"{namespace}/{name}"):
            teams.update(access.spec.teams)
    use = PluginConfig(plugin="example-teams", phase="authz", config=JsonObject.of({"teams": sorted(teams)}))
    return Attached(listener=(use,) if teams else (), problems=tuple(problems))
