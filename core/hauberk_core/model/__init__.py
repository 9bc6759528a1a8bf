"""The configuration as immutable values: what a proxy is told to do, and nothing of how.

Only re-exports; each concept has a module of its own.
"""

from hauberk_core.model.cluster import Cluster, Endpoint, HashBy, TcpKeepalive, Warmup
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.decision import Decision
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import FilterChain, HttpLimits, HttpTimeouts, Listener
from hauberk_core.model.plugin import JsonObject, PluginConfig
from hauberk_core.model.reason import Reason
from hauberk_core.model.route import (
    GrpcMatch,
    HeaderModifier,
    Match,
    PathMatch,
    Redirect,
    Rewrite,
    Route,
    RouteTable,
    ValueMatch,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate, TransportConfig

__all__ = [
    "AccessLog",
    "Certificate",
    "Cluster",
    "Datagrams",
    "Decision",
    "Duration",
    "Endpoint",
    "FilterChain",
    "GrpcMatch",
    "HashBy",
    "HeaderModifier",
    "HttpLimits",
    "HttpTimeouts",
    "JsonObject",
    "Listener",
    "Match",
    "PathMatch",
    "PluginConfig",
    "Reason",
    "Redirect",
    "Rewrite",
    "Route",
    "RouteTable",
    "Snapshot",
    "TcpKeepalive",
    "TransportConfig",
    "ValueMatch",
    "VirtualHost",
    "Warmup",
    "WeightedCluster",
]
