"""What one more synchronous filter costs a request: the same data path with none, one, and more of a plugin's filters, in turns.

The plugin is a stranger's as far as the proxy can tell: plain Python, found under an entry point's name. Processor time of this
thread is taken for many short blocks of requests, of which the fastest counts: whatever else goes on in the machine only ever
makes a block slower.

`python -m bench.inside.filters` prints one line of JSON; the interpreter that runs it decides which build is measured.
"""

import argparse
import contextlib
import json
import time
from importlib.metadata import EntryPoint
from typing import Final, NamedTuple

from bench import figures
from bench.contestants.hauberk import CANARY, CIRCUITBREAKER
from bench.inside.stubs import StubProxy
from bench.site import WEIGHTS
from hauberk_core.build_info import compiled
from hauberk_core.model import (
    AccessLog,
    Cluster,
    Endpoint,
    FilterChain,
    JsonObject,
    Listener,
    PluginConfig,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.plugin.data import GROUP
from hauberk_core.plugin.host import PluginHost, data_host

IDLE: Final = PluginConfig(plugin="idle")
TRACING: Final = PluginConfig(
    plugin="tracing",
    phase="authn",
    failure="open",
    config=JsonObject('{"ratio":0.01,"sampler":"parentbased_traceidratio"}'),
)
MANY: Final = 4
"""Filters of the case `many`; what one more costs is the slope between it and `one`, whose error is then a third of theirs."""


class Case(NamedTuple):
    """The plugins of the one filter chain, the one route and the clusters."""

    chain: tuple[PluginConfig, ...] = ()
    route: tuple[PluginConfig, ...] = ()
    cluster: tuple[PluginConfig, ...] = ()


CASES: Final = {
    "none": Case(),
    "one": Case((IDLE,)),
    "many": Case((IDLE,) * MANY),
    "tracing": Case((TRACING,)),
    "default": Case((TRACING,), (CANARY,), (CIRCUITBREAKER,)),
}
_BLOCK: Final = 100
# Requests before each block: plain Python adapts its code to the classes that it meets, and the case before met others.
_WARM_UP: Final = 300
_PLUGINS: Final = (
    EntryPoint("canary", "hauberk_canary.plugin", GROUP),
    EntryPoint("circuitbreaker", "hauberk_circuitbreaker.plugin", GROUP),
    EntryPoint("idle", "bench.inside.idle_filter", GROUP),
    EntryPoint("tracing", "hauberk_tracing.plugin", GROUP),
)
_REQUEST: Final = (
    b"GET /reviews/7?full=true HTTP/1.1\r\nHost: shop.bench.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\n"
    b"Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.8\r\n\r\n"
)
_BODY: Final = b"h" * 1024
_RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Mon, 23 Nov 2026 09:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1024\r\nConnection: keep-alive\r\n\r\n" + _BODY
)


def proxy(case: Case) -> StubProxy:
    """A data path with a log, counters, two weighted backends and these plugins."""
    chain = FilterChain(route_table="all", plugins=case.chain)
    stable, canary = WEIGHTS
    backends = (WeightedCluster(cluster="stable", weight=stable), WeightedCluster(cluster="canary", weight=canary))
    routes = (Route(name="all", backends=backends, plugins=case.route),)
    cluster = Cluster(endpoints=(Endpoint(address="127.0.0.1:9080"),), plugins=case.cluster)
    snapshot = Snapshot(
        listeners={"web": Listener(address="127.0.0.1:8080", filter_chains=(chain,))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
        clusters={"stable": cluster, "canary": cluster},
        access_log=AccessLog(format="text"),
    )
    return StubProxy(snapshot, _REQUEST, _RESPONSE, _host)


def _host() -> PluginHost:
    return data_host(_PLUGINS, frozenset())


def measure(seconds: float) -> dict[str, float]:
    """Microseconds a request of each of CASES, measured for about so long in all, and at least once."""
    best = dict.fromkeys(CASES, float("inf"))
    with contextlib.ExitStack() as stack:
        proxies = {name: stack.enter_context(proxy(case)) for name, case in CASES.items()}
        end = time.monotonic() + seconds
        ended = False
        while not ended:
            ended = time.monotonic() >= end
            for name, served in proxies.items():
                served.requests(_WARM_UP)
                begun = time.thread_time()
                served.requests(_BLOCK)
                took = (time.thread_time() - begun) / _BLOCK * 1e6
                best[name] = min(best[name], took)
    return best


def main() -> None:
    """The command line of the measuring process."""
    parser = argparse.ArgumentParser(description="measure what filters cost a request")
    parser.add_argument("--seconds", type=float, required=True)
    best = measure(parser.parse_args().seconds)
    values = {
        figures.WITHOUT_FILTERS.key: best["none"],
        figures.FIRST_FILTER.key: best["one"] - best["none"],
        figures.FURTHER_FILTER.key: (best["many"] - best["one"]) / (MANY - 1),
        figures.TRACING.key: best["tracing"] - best["none"],
        figures.DEFAULT_PLUGINS.key: best["default"] - best["none"],
    }
    print(json.dumps({"compiled": compiled(), "values": values}))


if __name__ == "__main__":
    main()
