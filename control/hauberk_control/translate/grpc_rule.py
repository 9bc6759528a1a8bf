"""What a rule of a GRPCRoute has of its own, and as which rule of an HTTPRoute all the rest is read.

A call is a request of HTTP/2 with `/service/method` for its path: only in what they match do the two kinds differ.
"""

from collections.abc import Sequence

from hauberk_control.translate.value_matches import value_matches
from hauberk_core.model.route import GrpcMatch, Match
from hauberk_core.resources.gateway_api.grpc_route import GrpcBackendRef, GrpcMethodMatch, GrpcRouteFilter, GrpcRouteRule
from hauberk_core.resources.gateway_api.http_route import HttpBackendRef, HttpRouteFilter, HttpRouteRule


def call_matches(rule: GrpcRouteRule) -> tuple[Match, ...]:
    """Which calls the rule takes: without matches all of them."""
    return tuple([Match(grpc=_call(match.method), headers=value_matches(match.headers, False)) for match in rule.matches]) or (
        Match(grpc=GrpcMatch()),
    )


def as_http(rule: GrpcRouteRule) -> HttpRouteRule:
    """Its filters and backends."""
    return HttpRouteRule(
        name=rule.name,
        filters=_filters(rule.filters),
        backend_refs=tuple([_backend(reference) for reference in rule.backend_refs]),
        session_persistence=rule.session_persistence,
    )


def _call(told: GrpcMethodMatch | None) -> GrpcMatch:
    if told is None:
        return GrpcMatch()
    return GrpcMatch(kind="exact" if told.type == "Exact" else "regex", service=told.service or "", method=told.method or "")


def _filters(filters: Sequence[GrpcRouteFilter]) -> tuple[HttpRouteFilter, ...]:
    return tuple(
        [
            HttpRouteFilter(
                type=one.type,
                request_header_modifier=one.request_header_modifier,
                response_header_modifier=one.response_header_modifier,
                request_mirror=one.request_mirror,
                extension_ref=one.extension_ref,
            )
            for one in filters
        ]
    )


def _backend(told: GrpcBackendRef) -> HttpBackendRef:
    return HttpBackendRef(
        group=told.group,
        kind=told.kind,
        namespace=told.namespace,
        name=told.name,
        port=told.port,
        weight=told.weight,
        filters=_filters(told.filters),
    )
