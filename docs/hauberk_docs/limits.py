"""Every bound that somebody may meet, with its number from the code."""

from collections.abc import Sequence
from typing import Final

from hauberk_control.translate.destination_rule import ISTIO_CONNECT_TIMEOUT, ISTIO_IDLE_TIMEOUT
from hauberk_core.http.h2.allowance import Allowance
from hauberk_docs.bound import Bound, duration
from hauberk_docs.markdown import page, table
from hauberk_docs.other_bounds import control_service, plugins, resources
from hauberk_docs.proxy_bounds import connections, endpoints, floods, http2, load, requests

_BEFORE: Final = """
Everything that a proxy or control keeps, waits for, or does again has an end. Where the third column names a setting, the number
is its default: of a [listener or a cluster](configuration.md), of a resource, or a [variable](environment.md). Statuses carry one
of the [reasons](reasons.md). Why the numbers are what they are stands beside them in the code; who may try to pass them, in
[threats](../explanation/threats.md).
"""
_FLOODS: Final = """
On one connection: so many at once, and then so many a second. Beyond it the connection ends with `GOAWAY`
(`ENHANCE_YOUR_CALM`). Work that carries messages on allows for more.
"""
_LOAD: Final = """
Of the process and its container: [bear overload](../how-to/overload.md).
"""
_MESH: Final = """
In a mesh Istio's defaults hold: control tells proxies {connect} to connect, and to keep an unused connection for {idle}. Settings
in camel case are a DestinationRule's or a route's.
"""


def limits_page() -> str:
    """The page, with the numbers that the code goes by."""
    return page(
        "Limits",
        _BEFORE,
        "## Requests of clients",
        _table(requests()),
        "## HTTP/2",
        _table(http2()),
        _FLOODS,
        table(("what", "at once", "a second"), [(what, *_pace(allowance)) for what, allowance in floods()]),
        "## Load",
        _LOAD,
        _table(load()),
        "## To endpoints",
        _MESH.format(connect=duration(ISTIO_CONNECT_TIMEOUT.seconds), idle=duration(ISTIO_IDLE_TIMEOUT.seconds)),
        _table(endpoints()),
        "## TCP, TLS and UDP",
        _table(connections()),
        "## Plugins",
        _table(plugins()),
        "## Configuration and resources",
        _table(resources()),
        "## Control",
        _table(control_service()),
    )


def _pace(allowance: Allowance) -> tuple[str, str]:
    """What it lets through at one moment, and in the second after."""
    counts: list[int] = []
    for moment in (1.0, 2.0):
        count = 0
        while allowance.take(moment):
            count += 1
        counts.append(count)
    return str(counts[0]), str(counts[1])


def _table(bounds: Sequence[Bound]) -> str:
    return table(("what", "bound", "setting", "beyond it"), bounds)
