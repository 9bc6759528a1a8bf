"""The whole of what one proxy is told, as one value."""

from typing import Literal

import msgspec

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.listener import Listener
from hauberk_core.model.route import RouteTable
from hauberk_core.model.transport import Certificate


class AccessLog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line for every finished exchange."""

    file: str = "/dev/stdout"
    """Appended to; `/dev/stdout` and `/dev/stderr` are the proxy's own."""
    format: Literal["text", "json"] = "text"
    """Istio's text line, or one JSON object with Istio's field names."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Listeners, routes, clusters and certificates, each under the name by which others refer to it.

    A request decides with the snapshot it began with. What did not change from one snapshot to the next stays the same object.
    """

    version: str = ""
    """Shown to people; means nothing to the proxy."""
    listeners: dict[str, Listener] = {}
    """Where to accept connections."""
    route_tables: dict[str, RouteTable] = {}
    """Which request goes where; filter chains name them."""
    clusters: dict[str, Cluster] = {}
    """Groups of endpoints; routes name them."""
    certificates: dict[str, Certificate] = {}
    """Certificates from files; transports name them."""
    access_log: AccessLog | None = AccessLog()
    """null: none."""
