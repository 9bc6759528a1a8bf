"""One set of routes, written for hauberk and for Envoy.

hauberk goes by how specific a match is, Envoy by the order, so that here the more specific ones come first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from twin_ways import WAYS, Way

JsonObject = dict[str, Any]

BACKEND: Final = "backend"
OTHER: Final = "other"
"""The same server under another name, so that there is something to choose."""
HTTP2_SUFFIX: Final = "-http2"
"""Behind both, the names of those that speak HTTP/2."""
TIMEOUT: Final = "4s"
"""Longer than a busy machine stands still."""
REGULAR_EXPRESSION: Final = "/items/[a-z]+[0-9]*"


@dataclass(frozen=True)
class TwinRoute:
    """The same rule twice."""

    name: str
    hauberk: JsonObject
    envoy: JsonObject


def _prefix(value: str) -> JsonObject:
    return {"path": {"kind": "prefix", "value": value}}


def _to_backend(**more: Any) -> JsonObject:
    return {"backends": [{"cluster": BACKEND}], **more}


def _direct(status: int, more: JsonObject) -> JsonObject:
    return {"plugins": [{"plugin": "directresponse", "phase": "traffic", "config": {"status": status, **more}}]}


def _route(match: JsonObject, action: JsonObject, **more: Any) -> JsonObject:
    return {"match": match, "route": {"cluster": BACKEND, "timeout": "0s"} | action, **more}


def _under(prefix: str) -> JsonObject:
    return {"path_separated_prefix": prefix}


def _appended(name: str, value: str, action: str) -> JsonObject:
    return {"header": {"key": name, "value": value}, "append_action": action}


_ADD: Final = "APPEND_IF_EXISTS_OR_ADD"
_SET: Final = "OVERWRITE_IF_EXISTS_OR_ADD"

ROUTES: Final = (
    TwinRoute(
        "exact",
        {"matches": [{"path": {"kind": "exact", "value": "/exact"}}], **_to_backend()},
        _route({"path": "/exact"}, {}),
    ),
    TwinRoute(
        "by-method",
        {"matches": [_prefix("/kinds") | {"method": "POST"}], **_to_backend(rewrite={"path": "/posted"})},
        _route(
            _under("/kinds") | {"headers": [{"name": ":method", "string_match": {"exact": "POST"}}]},
            {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": "/posted"}},
        ),
    ),
    TwinRoute(
        "by-headers",
        {
            "matches": [
                _prefix("/kinds") | {"headers": [{"name": "X-Kind", "value": "gold"}, {"name": "x-n", "kind": "present"}]}
            ],
            **_to_backend(rewrite={"path": "/two-headers"}),
        },
        _route(
            _under("/kinds")
            | {"headers": [{"name": "X-Kind", "string_match": {"exact": "gold"}}, {"name": "x-n", "present_match": True}]},
            {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": "/two-headers"}},
        ),
    ),
    TwinRoute(
        "by-header",
        {
            "matches": [_prefix("/kinds") | {"headers": [{"name": "x-kind", "kind": "regex", "value": "gold|silver"}]}],
            **_to_backend(rewrite={"path": "/header"}),
        },
        _route(
            _under("/kinds") | {"headers": [{"name": "x-kind", "string_match": {"safe_regex": {"regex": "gold|silver"}}}]},
            {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": "/header"}},
        ),
    ),
    TwinRoute(
        "by-query",
        {
            "matches": [_prefix("/kinds") | {"query": [{"name": "version", "value": "2"}]}],
            **_to_backend(rewrite={"path": "/query"}),
        },
        _route(
            _under("/kinds") | {"query_parameters": [{"name": "version", "string_match": {"exact": "2"}}]},
            {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": "/query"}},
        ),
    ),
    TwinRoute(
        "expression",
        {"matches": [{"path": {"kind": "regex", "value": REGULAR_EXPRESSION}}], **_to_backend(rewrite={"host": "items.test"})},
        _route({"safe_regex": {"regex": REGULAR_EXPRESSION}}, {"host_rewrite_literal": "items.test"}),
    ),
    TwinRoute(
        "moved",
        {"matches": [_prefix("/moved")], "redirect": {"status": 301, "prefix": "/here"}},
        {"match": _under("/moved"), "redirect": {"response_code": "MOVED_PERMANENTLY", "prefix_rewrite": "/here"}},
    ),
    TwinRoute(
        "elsewhere",
        {
            "matches": [_prefix("/elsewhere")],
            "redirect": {"status": 307, "scheme": "https", "host": "other.test", "port": 8443, "path": "/all"},
        },
        {
            "match": _under("/elsewhere"),
            "redirect": {
                "response_code": "TEMPORARY_REDIRECT",
                "scheme_redirect": "https",
                "host_redirect": "other.test",
                "port_redirect": 8443,
                "path_redirect": "/all",
            },
        },
    ),
    TwinRoute(
        "secure",
        {"matches": [_prefix("/secure")], "redirect": {"status": 302, "scheme": "https"}},
        {"match": _under("/secure"), "redirect": {"response_code": "FOUND", "https_redirect": True}},
    ),
    TwinRoute(
        "shortened",
        {"matches": [_prefix("/long/name")], **_to_backend(rewrite={"prefix": "/short"})},
        _route(_under("/long/name"), {"prefix_rewrite": "/short"}),
    ),
    TwinRoute(
        "changed",
        {
            "matches": [_prefix("/changed")],
            **_to_backend(
                request_headers={"remove": ["x-gone"], "set": [["x-set", "hauberk"]], "add": [["x-added", "more"]]},
                response_headers={"remove": ["x-secret"], "set": [["x-seen", "set"]], "add": [["set-cookie", "b=2"]]},
            ),
        },
        _route(
            _under("/changed"),
            {},
            request_headers_to_remove=["x-gone"],
            request_headers_to_add=[_appended("x-set", "hauberk", _SET), _appended("x-added", "more", _ADD)],
            response_headers_to_remove=["x-secret"],
            response_headers_to_add=[_appended("x-seen", "set", _SET), _appended("set-cookie", "b=2", _ADD)],
        ),
    ),
    TwinRoute(
        "weighed",
        {
            "matches": [_prefix("/weighed")],
            "backends": [
                {"cluster": BACKEND, "weight": 100, "request_headers": {"set": [["x-chosen", "all"]]}},
                {"cluster": OTHER, "weight": 0, "request_headers": {"set": [["x-chosen", "none"]]}},
            ],
        },
        {
            "match": _under("/weighed"),
            "route": {
                "timeout": "0s",
                "weighted_clusters": {
                    "clusters": [
                        {"name": BACKEND, "weight": 100, "request_headers_to_add": [_appended("x-chosen", "all", _SET)]},
                        {"name": OTHER, "weight": 0, "request_headers_to_add": [_appended("x-chosen", "none", _SET)]},
                    ]
                },
            },
        },
    ),
    TwinRoute(
        "again",
        {"matches": [_prefix("/again")], **_to_backend(retry={"codes": [503], "attempts": 2, "backoff": "1ms"})},
        _route(
            _under("/again"),
            {
                "retry_policy": {
                    "retry_on": "retriable-status-codes,reset,connect-failure",
                    "retriable_status_codes": [503],
                    "num_retries": 2,
                    "retry_back_off": {"base_interval": "0.001s"},
                }
            },
        ),
    ),
    TwinRoute(
        "limited",
        {"matches": [_prefix("/limited")], **_to_backend(timeout=TIMEOUT)},
        _route(_under("/limited"), {"timeout": TIMEOUT}),
    ),
    TwinRoute(
        "nowhere",
        {"matches": [_prefix("/nowhere")]},
        {"match": _under("/nowhere"), "direct_response": {"status": 500}},
    ),
    TwinRoute(
        "direct",
        {
            "matches": [_prefix("/direct")],
            **_direct(410, {"body": {"string": "sold out"}, "headers": {"content-type": "text/plain"}}),
        },
        {"match": _under("/direct"), "direct_response": {"status": 410, "body": {"inline_string": "sold out"}}},
    ),
    TwinRoute(
        "direct-and-empty",
        {"matches": [_prefix("/empty")], **_direct(204, {"headers": {"x-direct": "yes"}})},
        {
            "match": _under("/empty"),
            "direct_response": {"status": 204},
            "response_headers_to_add": [_appended("x-direct", "yes", _SET)],
        },
    ),
    TwinRoute(
        "any",
        {"matches": [_prefix("/any")], **_to_backend()},
        _route(_under("/any"), {}),
    ),
)
"""Of the hosts `a.test` and `*.wild.test`; nothing takes other paths."""

HOSTS: Final = ("a.test", "*.wild.test")
ALL_HOST: Final = "all.test"
"""Every path of it goes to the backend."""


def hauberk_snapshot(ports: Mapping[bool, int]) -> JsonObject:
    """The routes as hauberk's configuration, with a listener for each way.

    Args: ports - of the backends, by whether they speak HTTP/2.
    """
    rules = [{"name": route.name, **route.hauberk} for route in ROUTES]
    hosts = [
        {"name": "main", "hosts": list(HOSTS), "routes": rules},
        {"name": "all", "hosts": [ALL_HOST], "routes": [{"name": "all", **_to_backend()}]},
    ]
    clusters = {
        name: {"endpoints": [{"address": f"127.0.0.1:{ports[http2]}"}], "protocol": "http2" if http2 else "http1"}
        for http2 in (False, True)
        for name in _clusters(http2)
    }
    return {
        "listeners": {
            way.name: {
                "address": "127.0.0.1:0",
                # What Envoy goes by where a redirect names no port is the client's Host, which has none of port 80.
                "public_port": 80,
                "filter_chains": [{"route_table": _table(way), "edge": {}, "path_normalization": way.paths}],
            }
            for way in WAYS
        },
        "route_tables": {_table(way): {"virtual_hosts": _named_for(way, hosts)} for way in WAYS},
        "clusters": clusters,
        "access_log": None,
    }


def _clusters(http2: bool) -> tuple[str, ...]:
    suffix = HTTP2_SUFFIX if http2 else ""
    return BACKEND + suffix, OTHER + suffix


def _table(way: Way) -> str:
    return "to-http2" if way.http2 else "to-http1"


def _named_for(way: Way, routes: Any) -> Any:
    """Routes, written for backends of HTTP/1.1, to those of this way."""
    if not way.http2:
        return routes
    written = json.dumps(routes)
    for name in (BACKEND, OTHER):
        for member in ("cluster", "name"):
            written = written.replace(f'"{member}": "{name}"', f'"{member}": "{name}{HTTP2_SUFFIX}"')
    return json.loads(written)


_TYPES: Final = "type.googleapis.com/envoy."
# Case of names is kept, as hauberk does; trailers pass.
_HTTP_1: Final = {
    "enable_trailers": True,
    "header_key_format": {
        "stateful_formatter": {
            "name": "preserve_case",
            "typed_config": {"@type": f"{_TYPES}extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"},
        }
    },
}


def envoy_bootstrap(listen: Mapping[str, int], ports: Mapping[bool, int]) -> str:
    """The routes as Envoy's configuration, with what Istio's gateways set, less what only Envoy's own peers read.

    Args: listen - where it listens, by the name of the way; ports - as of `hauberk_snapshot`.
    """
    clusters = [_envoy_cluster(name, ports[http2], http2) for http2 in (False, True) for name in _clusters(http2)]
    listeners = [_envoy_listener(way, listen[way.name]) for way in WAYS]
    return json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}, indent=1)


def _envoy_listener(way: Way, port: int) -> JsonObject:
    hosts = [
        {"name": "main", "domains": list(HOSTS), "routes": [{"name": route.name, **route.envoy} for route in ROUTES]},
        {"name": "all", "domains": [ALL_HOST], "routes": [_route({"prefix": "/"}, {})]},
    ]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }
    manager = {
        "@type": f"{_TYPES}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "codec_type": "AUTO",
        "use_remote_address": True,
        # How long it waits for a client to read an error before it closes.
        "delayed_close_timeout": "0.1s",
        "server_header_transformation": "PASS_THROUGH",
        "http_protocol_options": _HTTP_1 | {"accept_http_10": True},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"name": "all", "virtual_hosts": _named_for(way, hosts), "ignore_port_in_host_matching": True},
        "http_filters": [router],
        **way.envoy_paths(),
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": way.name, "address": _address(port), "filter_chains": [chain]}


def _address(port: int) -> JsonObject:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy_cluster(name: str, port: int, http2: bool) -> JsonObject:
    options = {
        "@type": f"{_TYPES}extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}} if http2 else {"http_protocol_options": _HTTP_1},
    }
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }
