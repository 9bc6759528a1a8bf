#!/usr/bin/env python3
"""Any path has one normal spelling, and what a proxy decides by is what it sends on."""

import contextlib

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.http", "hauberk_core.route"]) if atheris else contextlib.nullcontext():
    from harness import Finding, run  # type: ignore[import-not-found]

    from hauberk_core.http.events import Request
    from hauberk_core.http.h1_server import H1Server
    from hauberk_core.http.normal_path import NormalPath
    from hauberk_core.model import (
        Cluster,
        Endpoint,
        FilterChain,
        HttpLimits,
        Listener,
        Match,
        PathMatch,
        Route,
        RouteTable,
        Snapshot,
        VirtualHost,
        WeightedCluster,
    )
    from hauberk_core.sim.peer import Peer, ScriptedEndpoint
    from hauberk_core.sim.simulation import Simulation

MODES = ("base", "merge_slashes", "decode_and_merge_slashes")
WEB = "192.0.2.10:8080"
BACKEND = "192.0.2.20:9080"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
PARTS = (
    *(b"/admin", b"/public", b"/", b"/.", b"/..", b"/./", b"/../", b"//", b"/...", b"/.a", b"a", b"A", b"~", b"?", b"?/../admin"),
    *(b"%2e", b"%2E", b"%2f", b"%2F", b"%5c", b"%5C", b"\\", b"%25", b"%252e", b"%252f", b"%41", b"%7e", b"%7E", b"%00", b"%20"),
    *(b"%", b"%2", b"%%", b"%4%31", b"%%34%31", b"%zz", b"%c0%ae", b"%ff", b";", b"*", b"http://a/", b"%u002e", b"0" * 200),
)


class World:
    """A proxy for each mode, with a route that only some may take."""

    def __init__(self, mode: str) -> None:
        routes = (
            Route(
                name="admin",
                matches=(Match(path=PathMatch(kind="prefix", value="/admin")),),
                backends=(WeightedCluster(cluster="books"),),
            ),
            Route(name="all", backends=(WeightedCluster(cluster="books"),)),
        )
        chain = FilterChain(route_table="all", path_normalization=mode)  # type: ignore[arg-type]
        self.simulation = Simulation(
            Snapshot(
                listeners={"web": Listener(address=WEB, filter_chains=(chain,))},
                route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))},
                clusters={"books": Cluster(endpoints=(Endpoint(address=BACKEND),))},
            )
        )
        self.endpoint: ScriptedEndpoint = self.simulation.endpoint(BACKEND)
        self.client: Peer | None = None

    def ask(self, target: str) -> tuple[str, str, str]:
        """Which route took a request, for which path and query, and what the endpoint got."""
        if self.client is None or not self.client.is_connected():
            self.client = self.simulation.client(WEB)
        self.client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        got = self.endpoint.connection().received().decode("latin-1").split(" ")[1]
        self.endpoint.connection().send(OK)
        self.client.received()
        record = self.simulation.records.pop()
        return record.route, record.path, got


NORMAL = {mode: NormalPath(mode) for mode in MODES}
WORLDS: dict[str, World] = {}


def check(octets: bytes) -> None:
    """Normalise a path in each mode, and send it through a proxy."""
    machine = H1Server("http", HttpLimits())
    machine.receive(b"GET /" + octets + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    request = machine.next_event()
    if not isinstance(request, Request):
        return
    path = request.path
    target = path + request.query
    for mode in MODES:
        once = NORMAL[mode].of(path)
        if NORMAL[mode].of(once) != once:
            raise Finding(f"{mode}: {path!r} becomes {once!r}, and that becomes {NORMAL[mode].of(once)!r}")
        segments = once.split("/")
        if segments[0] or "." in segments or ".." in segments or "\\" in once:
            raise Finding(f"{mode}: {path!r} becomes {once!r}")
        if mode != "base" and "//" in once:
            raise Finding(f"{mode}: {path!r} becomes {once!r}")
        if mode == "decode_and_merge_slashes" and ("%2f" in once.lower() or "%5c" in once.lower()):
            raise Finding(f"{mode}: {path!r} becomes {once!r}")
        if mode not in WORLDS:
            WORLDS[mode] = World(mode)
        route, decided, got = WORLDS[mode].ask(target)
        if decided != got or decided.partition("?")[0] != once:
            raise Finding(f"{mode}: {target!r} was decided as {decided!r} and went on as {got!r}")
        is_admin = once == "/admin" or once.startswith("/admin/")
        if (route == "admin") != is_admin:
            raise Finding(f"{mode}: {got!r} was taken by {route!r}")


if __name__ == "__main__":
    run(check, PARTS)
