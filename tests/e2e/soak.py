"""Minutes of requests through one worker: memory and descriptors stay where they were, and no failure is unexplained.

    make soak                                        # ten minutes
    PYTHONPATH=tests/support python tests/e2e/soak.py --seconds 60 --connections 4

Load comes from wrk, in the clear and over TLS: requests on kept connections, with bodies, for what does not exist, for an
endpoint of HTTP/2, and on a connection each. Its rate is a part of what the proxy was measured to serve at the start. A few
clients use HTTP/2 and WebSockets besides. Some requests go to an endpoint that breaks connections off, some to one that goes
away and comes back again and again: each answer other than 200, and 404 for what does not exist, must have the reason of one
of these faults. Meanwhile clients leave in the middle of everything, and the configuration changes all the time.
The time is divided into lives of the proxy's processes. Each but the first begins with restarts under load: agents are
replaced by others that take over their sockets, agents are killed, workers are killed. Only the last costs anything: no more
failures than the connections that those workers had.
After each of a number of rounds of the same size the proxy is left to come to rest and is measured. The first quarter of a
life warms up. From then on nothing may grow; `footprint` says how that is told.
"""

import argparse
import contextlib
import itertools
import random
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import trustme
from faulty_endpoints import FaultyEndpoints
from footprint import Footprint, Held, find_growth
from heap import HeapProbe
from kept_proxy import KeptProxy, kept_proxy
from laptop_mesh import children
from lasting_backend import lasting_backend
from lasting_load import LastingLoad
from lateness import Lateness
from live_proxy import PATIENCE, JsonObject, descriptors, forward_to, resident_bytes, wait_until
from programs import find_program, free_port, nginx
from restarts import RESTARTS
from wrk_load import WrkLoad

# Enough in each life for a trend to be told from noise, and each long enough to meet everything.
ROUNDS: Final = 24
# Only so that something that hangs ends: a round takes some twenty-five seconds.
LONGEST_ROUND: Final = 120.0
# Of what the proxy can serve, this part is asked for: an operator who plans well has that much at the busiest hour.
LOAD: Final = 0.7
# To find out what it can serve; less before a short run.
CAPACITY_SECONDS: Final = 4.0
# Pauses of those who disturb: often enough to meet everything, rare enough to leave the processor to the requests.
CHANGE_SECONDS: Final = 0.5
ABORT_SECONDS: Final = 0.005
# Of the clients that use HTTP/2 and WebSockets.
LASTING_SECONDS: Final = 0.02
SHORT: Final = "/short"
# Under load as ever, before each restart and behind it. A round with restarts has time for one at least.
RESTART_SECONDS: Final = 2.0
SHORTEST_WITH_RESTARTS: Final = 6.0
# A proxy that drains waits half a second for the next request of a client that is between two. A client that is asked to pause
# must come sooner; where a whole machine stood still for so long, its connections may have been closed.
LONGEST_PAUSE: Final = 0.2
STANDSTILL_SECONDS: Final = 0.25


class Ports(NamedTuple):
    """Of the endpoints."""

    sound: int
    http2: int
    lasting: int
    breaking: int
    leaving: int


class Grown(Exception):
    """Something is not as flat as it must be."""


def snapshot(ports: Ports, folder: Path, version: int) -> JsonObject:
    """A configuration; odd and even versions differ in clusters, routes and settings."""
    made = forward_to(ports.sound, cluster={"idle_timeout": "0.5s", "connect_timeout": f"{5 + version % 2}s"})
    tls = {"security": "tls", "certificates": ["own"]}
    made["listeners"]["secure"] = {"address": "127.0.0.1:0", "filter_chains": [{"route_table": "all", "transport": tls}]}
    made["certificates"] = {"own": {"chain_file": str(folder / "chain.pem"), "key_file": str(folder / "key.pem")}}
    routes = made["route_tables"]["all"]["virtual_hosts"][0]["routes"]
    backends = routes[0]["backends"]
    paths = {"http2": ["/http2"], "lasting": ["/socket", SHORT], "breaking": ["/breaking"], "leaving": ["/leaving"]}
    for name, values in paths.items():
        endpoints = [{"address": f"127.0.0.1:{getattr(ports, name)}"}]
        made["clusters"][name] = {"endpoints": endpoints, "idle_timeout": "0.5s"}
        matches = [{"path": {"kind": "exact", "value": value}} for value in values]
        routes.insert(0, {"name": name, "matches": matches, "backends": [{"cluster": name}]})
    made["clusters"]["http2"]["protocol"] = "http2"
    other = f"other-{version % 3}"
    made["clusters"][other] = made["clusters"]["backend"]
    backends.append({"cluster": other, "weight": 1 + version % 2})
    return made | {"version": str(version), "access_log": {"file": "/dev/null"}}


class Disturbers:
    """Clients that leave in the middle, and somebody who changes the configuration, until told to stop."""

    def __init__(self, proxy: KeptProxy, change: Callable[[], None]) -> None:
        self.aborts = 0
        self.changes = 0
        self._proxy: Final = proxy
        self._apply: Final = change
        self._stop: Final = threading.Event()
        self._threads: Final = [threading.Thread(target=self._abort), threading.Thread(target=self._change)]

    def __enter__(self) -> "Disturbers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _change(self) -> None:
        while not self._stop.wait(CHANGE_SECONDS):
            self._apply()
            self.changes += 1

    def _abort(self) -> None:
        ports = self._proxy.ports()
        insecure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        insecure.check_hostname = False
        insecure.verify_mode = ssl.CERT_NONE
        chance = random.Random(1)
        sent = (
            b"",
            b"GET / HT",
            b"\x16\x03\x01 no handshake",
            b"POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nbegun",
            b"POST /upload HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
            b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" * 5,
            b"GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n",
            b"BAD\x00",
        )
        while not self._stop.wait(ABORT_SECONDS):
            secure = chance.random() < 0.2
            with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
                stream = socket.create_connection(("127.0.0.1", ports["secure" if secure else "web"]), PATIENCE)
                open_sockets.enter_context(stream)
                if secure and chance.random() < 0.5:
                    stream = insecure.wrap_socket(stream)
                    open_sockets.enter_context(stream)
                stream.sendall(chance.choice(sent))
                if chance.random() < 0.5:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.aborts += 1


def come_to_rest(proxy: KeptProxy) -> None:
    """Wait until nothing is open any more: the pool's connections grow old quickly here."""
    processes = [proxy.child.pid, *children(proxy.child.pid)]
    last: list[int] = []

    def is_steady() -> bool:
        nonlocal last
        before, last = last, [descriptors(process) for process in processes]
        time.sleep(0.3)  # between two looks at the pool, of which half the idle time has passed
        return before == last == [descriptors(process) for process in processes]

    wait_until(is_steady, lambda: f"{last} descriptors and still changing")


class Soak:
    """A proxy, its endpoints and what is to be sent through."""

    def __init__(self, proxy: KeptProxy, ports: Ports, folder: Path, probe: HeapProbe, connections: int) -> None:
        self._proxy: Final = proxy
        self._ports: Final = ports
        self._folder: Final = folder
        self._probe: Final = probe
        self._connections: Final = connections
        self._versions: Final = itertools.count(2)
        self._requests = 0
        self._rate = 0.0
        self._leavers = 0
        self._changes = 0
        self._wanted = 0.0
        """Requests a second."""
        self._pause = 0.0
        """Of each connection between two requests, in seconds; corrected by what each round shows."""

    def run(self, seconds: float, rounds: int, restarts: Sequence[str]) -> None:
        """Send requests for so long. Args: restarts - names of those that lives begin with, but for the first life.

        Raises: Grown if anything grows or fails.
        """
        self._round(min(CAPACITY_SECONDS, seconds / 8))
        self._wanted = self._rate * LOAD
        self._pause = min(LONGEST_PAUSE, 2 * self._connections / self._wanted)
        _say(f"{self._rate:.0f} requests a second are the most, {self._wanted:.0f} are asked for")
        life = rounds // (len(restarts) + 1)
        readings: list[Footprint] = []
        for number in range(life * (len(restarts) + 1)):
            place, age = divmod(number, life)
            readings.append(self._round(seconds / rounds, restarts[place - 1] if place and not age else ""))
        grown = find_growth(readings)
        if grown:
            raise Grown("\n".join(grown))

    def _round(self, seconds: float, restart: str = "") -> Footprint:
        """Send requests for so long, about. Args: restart - what happens meanwhile. Returns: what the proxy holds afterwards."""
        ports = self._proxy.ports()
        urls = [f"http://127.0.0.1:{ports['web']}/", f"https://127.0.0.1:{ports['secure']}/"]
        length = max(min(seconds, LONGEST_ROUND), SHORTEST_WITH_RESTARTS if restart else 0.0)
        begun = time.monotonic()
        with (
            Disturbers(self._proxy, self._change) as disturbers,
            LastingLoad(ports["web"], sockets=1, http2=1, path=SHORT, pause=LASTING_SECONDS) as lasting,
            Lateness() as lateness,
        ):
            wrk = WrkLoad(urls, self._folder, self._connections, length, self._pause)
            explained = self._restart(restart, begun + length) if restart else 0
            load = wrk.result()
            late = lateness.take()
        self._rate = load.requests / (time.monotonic() - begun)
        if self._wanted and not restart:
            self._pause = min(LONGEST_PAUSE, max(0.001, self._pause * self._rate / self._wanted))
        self._requests += load.requests
        self._leavers += disturbers.aborts
        self._changes += disturbers.changes
        come_to_rest(self._proxy)
        [worker] = children(self._proxy.child.pid)
        agent = self._held(self._proxy.child.pid)
        reading = Footprint(self._requests, self._leavers, self._changes, agent, self._held(worker))
        broken = load.broken() + len(lasting.failures)
        _say(f"{_shown(reading)}; {self._rate:.0f} requests a second, {load.faults} answers explained by faults")
        if restart:
            _say(f"{restart} under load: {broken} connections broke, {explained} may have")
            if late > STANDSTILL_SECONDS:
                _say(f"this machine stood still for {late:.2f} s")
                explained += len(urls) * self._connections
        if self._wanted and not load.faults:
            raise Grown("no fault was seen: the endpoints that should fail did not")
        if load.unexpected or lasting.refused or broken > explained:
            raise Grown(f"requests failed: {load}, {lasting.refused} refused, {lasting.failures[:5]}")
        if "Traceback" in self._proxy.log():
            raise Grown(f"the proxy's log holds a fault:\n{self._proxy.log()[-4000:]}")
        return reading

    def _restart(self, name: str, until: float) -> int:
        """Restart again and again. Returns: how many connections that may cost."""
        lost = 0
        while True:
            time.sleep(RESTART_SECONDS)
            lost += RESTARTS[name](self._proxy)
            if time.monotonic() + 2 * RESTART_SECONDS > until:
                return lost

    def _change(self) -> None:
        self._proxy.configure(snapshot(self._ports, self._folder, next(self._versions)))

    def _held(self, process: int) -> Held:
        return Held(process, *self._probe.ask(process), resident_bytes(process), descriptors(process))


def run(seconds: float, rounds: int, connections: int, restarts: Sequence[str], leaks: str) -> None:
    """Send requests through a proxy of its own for so long. Raises: Grown if anything grows or fails."""
    with tempfile.TemporaryDirectory(prefix="hauberk-soak-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        issued = trustme.CA().issue_cert("localhost")
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
        (folder / "large").write_bytes(bytes(2_000_000))
        location = f"root {folder}; if ($uri = /missing) {{ return 404; }} if ($uri != /large) {{ return 200 'ten octets'; }}"
        faulty = stack.enter_context(FaultyEndpoints())
        http2 = free_port()
        sound = stack.enter_context(
            nginx(folder, location, f"server {{ listen 127.0.0.1:{http2} http2; location / {{ return 200 'ten octets'; }} }}")
        )
        ports = Ports(sound, http2, stack.enter_context(lasting_backend()).port, faulty.breaking, faulty.leaving)
        probe = HeapProbe(folder, leaks)
        proxy = stack.enter_context(kept_proxy(snapshot(ports, folder, 1), environment=probe.environment))
        Soak(proxy, ports, folder, probe, connections).run(seconds, rounds, restarts)


def _shown(reading: Footprint) -> str:
    processes = ", ".join(
        f"{name} {held.objects} objects, {held.octets} octets, {held.resident / 1048576:.2f} MiB, {held.descriptors} descriptors"
        for name, held in (("worker", reading.worker), ("agent", reading.agent))
    )
    return f"{reading.requests} requests, {reading.leavers} clients that left, {reading.changes} changes: {processes}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Read the command line, run, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="in how many rounds (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="of each of the two listeners (default: %(default)s)")
    parser.add_argument("--restarts", nargs="*", choices=RESTARTS, default=list(RESTARTS), help="what is done (default: all)")
    parser.add_argument("--leak", default="", help="have the proxy leak, to see it found: requests, changes or both with a comma")
    arguments = parser.parse_args()
    # So that whoever ends it ends the proxy and its backend with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = [name for name in ("wrk", "nginx") if find_program(name) is None]
    if missing:
        _say(f"{' and '.join(missing)} must be installed for this; see .ci/run for the packages")
        return 3
    try:
        run(arguments.seconds, arguments.rounds, arguments.connections, arguments.restarts, arguments.leak)
    except Grown as error:
        _say(f"FAILED: {error}")
        return 1
    _say("flat: nothing grew, and nothing failed but for the faults that were made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
