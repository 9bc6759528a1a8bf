"""GRPCRoute."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import grpc_method, grpc_service
from hauberk_core.resources.gateway_api.header_filter import HttpHeaderFilter, HttpHeaderMatch
from hauberk_core.resources.gateway_api.mirror_filter import HttpRequestMirrorFilter
from hauberk_core.resources.gateway_api.references import Hostname
from hauberk_core.resources.gateway_api.route import BackendRef, Route, RouteSpec, filters_twice
from hauberk_core.resources.gateway_api.session_persistence import SessionPersistence
from hauberk_core.resources.meta import LocalObjectReference
from hauberk_core.resources.names import Subdomain
from hauberk_core.resources.part import Part, only_field_of_type, repeated
from hauberk_core.resources.pattern import wrong_pattern

_FILTER_FIELDS: Final = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "ExtensionRef": "extensionRef",
}


class GrpcMethodMatch(Part, frozen=True, kw_only=True):
    """A condition on what is called; a part that is left out may be any."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    method: Annotated[str, msgspec.Meta(max_length=1024)] | None = None

    def mistakes(self) -> list[Mistake]:
        if not self.service and not self.method:
            return [Mistake((), "a method match without service and method", "add one of the two")]
        found: list[Mistake] = []
        for name, value, rule in (("service", self.service, grpc_service), ("method", self.method, grpc_method)):
            if value and self.type == "RegularExpression":
                found += wrong_pattern(name, value)
            elif value and (fault := rule(value)) is not None:
                found.append(Mistake((name,), *fault))
        return found


class GrpcRouteMatch(Part, frozen=True, kw_only=True):
    """All conditions must hold."""

    method: GrpcMethodMatch | None = None
    headers: Annotated[tuple[HttpHeaderMatch, ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        return repeated("headers", [header.name.lower() for header in self.headers], "condition on the header")


class GrpcRouteFilter(Part, frozen=True, kw_only=True):
    """One step a call or its answer goes through; `type` tells which of the other fields is given."""

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"]
    request_header_modifier: HttpHeaderFilter | None = None
    response_header_modifier: HttpHeaderFilter | None = None
    request_mirror: HttpRequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None

    def mistakes(self) -> list[Mistake]:
        return only_field_of_type(self, self.type, _FILTER_FIELDS)


_Filters = Annotated[tuple[GrpcRouteFilter, ...], msgspec.Meta(max_length=16)]


class GrpcBackendRef(BackendRef, frozen=True, kw_only=True):
    """A backend, its share of the calls, and what is done to that share alone."""

    filters: _Filters = ()

    def mistakes(self) -> list[Mistake]:
        return super().mistakes() + filters_twice([one.type for one in self.filters])


class GrpcRouteRule(Part, frozen=True, kw_only=True):
    """Calls that any of the matches takes, and what becomes of them."""

    name: Subdomain | None = None
    matches: Annotated[tuple[GrpcRouteMatch, ...], msgspec.Meta(max_length=64)] = ()
    """None: every call."""
    filters: _Filters = ()
    backend_refs: Annotated[tuple[GrpcBackendRef, ...], msgspec.Meta(max_length=16)] = ()
    session_persistence: SessionPersistence | None = None

    def mistakes(self) -> list[Mistake]:
        return filters_twice([one.type for one in self.filters])


class GrpcRouteSpec(RouteSpec, frozen=True, kw_only=True):
    """Where the route attaches, which hosts it is for, and its rules."""

    hostnames: Annotated[tuple[Hostname, ...], msgspec.Meta(max_length=16)] = ()
    rules: Annotated[tuple[GrpcRouteRule, ...], msgspec.Meta(max_length=16)] = ()

    def mistakes(self) -> list[Mistake]:
        found = super().mistakes() + repeated("hostnames", self.hostnames, "mention of the host")
        return found + repeated("rules", [rule.name for rule in self.rules], "rule called")


class GRPCRoute(Route, frozen=True, kw_only=True):
    """Which gRPC call goes where."""

    KIND: ClassVar[str] = "GRPCRoute"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: GrpcRouteSpec = GrpcRouteSpec()

    def hosts(self) -> tuple[str, ...]:
        return self.spec.hostnames

    def backends(self) -> tuple[BackendRef, ...]:
        return tuple([backend for rule in self.spec.rules for backend in rule.backend_refs])
