"""One reason for every answer that the proxy makes itself: a closed list.

Each reason travels in the response header `hauberk-reason`, in the access log, in the metric label `response_flags`, and later
on the span. Where Envoy has a response flag for the same thing, it is kept, because dashboards and people know it.
"""

import enum


class Reason(enum.Enum):
    """`code`, the status of the answer, Envoy's response flag (`-`: none), and what it means, for a person."""

    BAD_REQUEST = ("bad_request", 400, "DPE", "the request breaks HTTP's rules")
    REQUEST_TIMEOUT = ("request_timeout", 408, "DT", "the request's head did not arrive in time")
    BODY_TOO_LARGE = ("body_too_large", 413, "DPE", "the request's body is longer than the limit")
    LINE_TOO_LONG = ("line_too_long", 414, "DPE", "the request line is longer than the limit")
    EXPECTATION_FAILED = ("expectation_failed", 417, "DPE", "the request expects something other than 100-continue")
    MISDIRECTED = ("misdirected", 421, "NR", "the host belongs to another listener than the server name the client asked for")
    NO_LISTENER = ("no_listener", 421, "NR", "no listener is there for the server name that the client asks for in TLS")
    HEAD_TOO_LARGE = ("head_too_large", 431, "DPE", "the request's header section is longer than the limit")
    NOT_IMPLEMENTED = ("not_implemented", 501, "DPE", "the request asks for a transfer coding or method that is not served")
    VERSION_NOT_SUPPORTED = ("version_not_supported", 505, "DPE", "the request is not HTTP/1.0 or HTTP/1.1")
    NO_HOST = ("no_host", 404, "NR", "no virtual host has this name")
    NO_ROUTE = ("no_route", 404, "NR", "the host is known, but none of its routes takes this request")
    NO_BACKEND = ("no_backend", 500, "NC", "the route names no usable backend")
    NO_ENDPOINT = ("no_endpoint", 503, "UH", "the cluster has no endpoint")
    NOT_REGISTERED = (
        "not_registered",
        502,
        "NR",
        "the mesh does not know the destination, and lets nothing else out (REGISTRY_ONLY)",
    )
    CONNECT_FAILED = ("connect_failed", 503, "UF", "no connection to any endpoint tried; nothing was sent")
    CONNECT_TIMEOUT = ("connect_timeout", 503, "UF", "connecting took longer than the limit; nothing was sent")
    OVERFLOW = ("overflow", 503, "UO", "too many connections or waiting requests for this cluster")
    GUARD_REFUSED = ("guard_refused", 503, "UO", "a guard (a circuit breaker, for example) admits no attempt at any endpoint")
    CIRCUIT_OPEN = ("circuit_open", 503, "UH", "every endpoint of the cluster is left out for a while, because it has failed")
    UNHEALTHY = ("unhealthy", 503, "UH", "every endpoint of the cluster fails its health check, or has not passed one yet")
    PLUGIN_ANSWERED = ("plugin_answered", 403, "-", "a plugin answered in the endpoint's place, with a status of its own")
    DIRECT_RESPONSE = ("direct_response", 200, "-", "the route's own answer, with a status of its own")
    FAULT_INJECTED = ("fault_injected", 500, "FI", "a fault was wanted here, with a status of its own")
    RATE_LIMITED = ("rate_limited", 429, "RL", "too many requests within the time of a limit")
    PLUGIN_FAILED = ("plugin_failed", 503, "-", "a plugin failed, and its configuration says to refuse then")
    OVERLOADED = ("overloaded", 503, "OM", "the proxy is at one of its own limits: connections, streams, memory, loop delay")
    DRAINING = ("draining", 503, "UO", "the proxy is shutting down")
    UPSTREAM_RESET = ("upstream_reset", 502, "UC", "the endpoint closed the connection before it answered")
    UPSTREAM_REFUSED = (
        "upstream_refused",
        503,
        "UR",
        "every endpoint tried turned the request away before it looked at it (HTTP/2)",
    )
    UPSTREAM_PROTOCOL = ("upstream_protocol", 502, "UPE", "the endpoint's answer breaks HTTP's rules")
    UPSTREAM_TIMEOUT = ("upstream_timeout", 504, "UT", "the endpoint did not answer in time")
    CLIENT_GONE = ("client_gone", 499, "DC", "the client closed the connection before the answer was complete")
    INTERNAL = ("internal", 500, "-", "a fault of the proxy itself; its log has the details")

    def __init__(self, code: str, status: int, flag: str, meaning: str) -> None:
        self.code = code
        self.status = status
        self.flag = flag
        self.meaning = meaning
