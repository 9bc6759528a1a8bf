"""Minutes of requests through one worker: memory and descriptors stay where they were, and no failure is unexplained.

    make soak                                        # ten minutes
    PYTHONPATH=tests/support python tests/e2e/soak.py --seconds 60 --connections 4

Load comes from wrk, in the clear and over TLS: requests on kept connections, with bodies, for what does not exist, and on a
connection each. Its rate is a part of what the proxy was measured to serve at the start. Some requests go to an endpoint that
breaks connections off, some to one that goes away and comes back again and again: each answer other than 200, and 404 for what
does not exist, must have the reason of one of these faults. Meanwhile clients leave in the middle of everything, and the
configuration changes all the time.
After each of a number of rounds of the same size the proxy is left to come to rest and is measured. The first quarter warms up:
pools and caches fill, and the allocator's arenas grow to their working size. From then on nothing may grow; `footprint` says how
that is told.
"""

import argparse
import contextlib
import itertools
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

import trustme
from footprint import Footprint, Held, find_growth
from heap import HeapProbe
from live_proxy import PATIENCE, JsonObject, LiveProxy, descriptors, forward_to, live_proxy, resident_bytes, wait_until
from programs import find_program, free_port, nginx

# Enough for a trend to be told from noise, and each long enough to meet everything.
ROUNDS: Final = 16
# Of all rounds, the part that warms up.
WARM_UP: Final = 1 / 4
# Only so that something that hangs ends: a round takes some forty seconds.
LONGEST_ROUND: Final = 120.0
# Of what the proxy can serve, this part is asked for: an operator who plans well has that much at the busiest hour.
LOAD: Final = 0.7
# To find out what it can serve.
CAPACITY_SECONDS: Final = 4.0
# Pauses of those who disturb: often enough to meet everything, rare enough to leave the processor to the requests.
CHANGE_SECONDS: Final = 0.5
ABORT_SECONDS: Final = 0.005
# An endpoint is away for so long, and there for so long.
LEAVING_SECONDS: Final = 0.5

_SCRIPT: Final = """
local threads = {}
local explained = {["502 upstream_reset"] = true, ["503 connect_failed"] = true}
function setup(thread) table.insert(threads, thread) end
function init(args)
  count = 0; unexpected = 0; faults = 0; what = ""
  pause = tonumber(args[1]); body = string.rep("x", 3000)
end
function delay() return pause end
function request()
  count = count + 1
  if count % 100 == 3 then return wrk.format("GET", "/breaking") end
  if count % 100 == 4 then return wrk.format("GET", "/leaving") end
  if count % 10 == 0 then return wrk.format("POST", "/upload", nil, body) end
  if count % 10 == 1 then return wrk.format("GET", "/missing") end
  if count % 50 == 2 then return wrk.format("GET", "/", {Connection = "close"}) end
  return wrk.format("GET", "/")
end
function response(status, headers)
  local reason = headers["hauberk-reason"]
  if status == 200 or (status == 404 and not reason) then return end
  local found = status .. " " .. (reason or "without a reason")
  if explained[found] then faults = faults + 1 else unexpected = unexpected + 1; what = found end
end
function done(summary)
  local bad, good = 0, 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("unexpected")
    good = good + thread:get("faults")
    if thread:get("what") ~= "" then io.write("UNEXPLAINED " .. thread:get("what") .. "\\n") end
  end
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, good, bad, e.connect, e.read, e.write, e.timeout))
end
"""


class Load(NamedTuple):
    """What one wrk saw."""

    requests: int
    faults: int
    """Answers that a fault explains which somebody made."""
    unexpected: int
    connect: int
    read: int
    write: int
    timeout: int

    def failures(self) -> int:
        return sum(self[2:])


class Ports(NamedTuple):
    """Of the endpoints."""

    sound: int
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
    for name, port in (("breaking", ports.breaking), ("leaving", ports.leaving)):
        made["clusters"][name] = {"endpoints": [{"address": f"127.0.0.1:{port}"}], "idle_timeout": "0.5s"}
        matches = [{"path": {"kind": "exact", "value": f"/{name}"}}]
        routes.insert(0, {"name": name, "matches": matches, "backends": [{"cluster": name}]})
    other = f"other-{version % 3}"
    made["clusters"][other] = made["clusters"]["backend"]
    backends.append({"cluster": other, "weight": 1 + version % 2})
    return made | {"version": str(version), "access_log": {"file": "/dev/null"}}


def start_wrk(url: str, folder: Path, connections: int, seconds: float, pause: float) -> "subprocess.Popen[str]":
    wrk = find_program("wrk")
    assert wrk is not None
    command = [
        wrk,
        "-t",
        "1",
        "-c",
        str(connections),
        "-d",
        f"{max(1, round(seconds))}s",
        "--timeout",
        "20s",
        "-s",
        str(folder / "mix.lua"),
        url,
        "--",
        str(round(pause * 1000)),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result_of(process: "subprocess.Popen[str]") -> Load:
    shown, _ = process.communicate(timeout=LONGEST_ROUND + PATIENCE)
    for line in shown.splitlines():
        if line.startswith("UNEXPLAINED "):
            _say(line)
        elif line.startswith("RESULT "):
            return Load(*map(int, line.split()[1:]))
    raise Grown(f"wrk said nothing of its result:\n{shown}")


class FaultyEndpoints:
    """One that breaks every connection off, before an answer or within its head, and one that is there half of the time."""

    def __init__(self) -> None:
        self._stop: Final = threading.Event()
        self._breaking: Final = socket.create_server(("127.0.0.1", 0))
        self._breaking.settimeout(LEAVING_SECONDS)
        self.breaking: Final[int] = self._breaking.getsockname()[1]
        self.leaving: Final = free_port()
        self._threads: Final = [threading.Thread(target=self._break_off), threading.Thread(target=self._come_and_go)]

    def __enter__(self) -> "FaultyEndpoints":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._breaking.close()

    def _break_off(self) -> None:
        said = itertools.cycle((b"", b"HTTP/1.1 200 OK\r\ncontent-le"))
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                stream, _ = self._breaking.accept()
                with stream:
                    stream.settimeout(LEAVING_SECONDS)
                    stream.recv(65536)
                    stream.sendall(next(said))

    def _come_and_go(self) -> None:
        while not self._stop.wait(LEAVING_SECONDS):
            until = time.monotonic() + LEAVING_SECONDS
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", self.leaving)) as listener:
                listener.settimeout(LEAVING_SECONDS)
                while time.monotonic() < until:
                    stream, _ = listener.accept()
                    with stream:
                        stream.settimeout(LEAVING_SECONDS)
                        stream.recv(65536)
                        stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")


class Disturbers:
    """Clients that leave in the middle, and somebody who changes the configuration, until told to stop."""

    def __init__(self, proxy: LiveProxy, backend: Ports, folder: Path, versions: "itertools.count[int]") -> None:
        self.aborts = 0
        self.changes = 0
        self._proxy: Final = proxy
        self._backend: Final = backend
        self._folder: Final = folder
        self._versions: Final = versions
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
            self._proxy.configure(snapshot(self._backend, self._folder, next(self._versions)))
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


def come_to_rest(proxy: LiveProxy) -> None:
    """Wait until nothing is open any more: the pool's connections grow old quickly here."""
    [worker] = proxy.workers()
    last = -1

    def is_steady() -> bool:
        nonlocal last
        before, last = last, descriptors(worker)
        time.sleep(0.3)  # between two looks at the pool, of which half the idle time has passed
        return before == last == descriptors(worker)

    wait_until(is_steady, lambda: f"{descriptors(worker)} descriptors and still changing")


class Soak:
    """A proxy, its backend and what is to be sent through."""

    def __init__(self, proxy: LiveProxy, backend: Ports, folder: Path, probe: HeapProbe, connections: int) -> None:
        self._proxy: Final = proxy
        self._backend: Final = backend
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

    def run(self, seconds: float, rounds: int) -> None:
        """Send requests for so long. Raises: Grown if anything grows or fails."""
        self._round(CAPACITY_SECONDS)
        self._wanted = self._rate * LOAD
        self._pause = 2 * self._connections / self._wanted
        _say(f"{self._rate:.0f} requests a second are the most, {self._wanted:.0f} are asked for")
        readings = [self._round(seconds / rounds) for _ in range(rounds)]
        grown = find_growth(readings[round(rounds * WARM_UP) :])
        if grown:
            raise Grown("\n".join(grown))

    def _round(self, seconds: float) -> Footprint:
        """Send requests for so long, about. Returns: what the proxy holds afterwards."""
        ports = self._proxy.ports()
        urls = [f"http://127.0.0.1:{ports['web']}/", f"https://127.0.0.1:{ports['secure']}/"]
        begun = time.monotonic()
        with Disturbers(self._proxy, self._backend, self._folder, self._versions) as disturbers:
            length = min(seconds, LONGEST_ROUND)
            running = [start_wrk(url, self._folder, self._connections, length, self._pause) for url in urls]
            load = Load(*map(sum, zip(*[result_of(process) for process in running], strict=True)))
        self._rate = load.requests / (time.monotonic() - begun)
        if self._wanted:
            self._pause = max(0.001, self._pause * self._rate / self._wanted)
        self._requests += load.requests
        self._leavers += disturbers.aborts
        self._changes += disturbers.changes
        come_to_rest(self._proxy)
        [worker] = self._proxy.workers()
        agent = self._proxy.process.pid
        reading = Footprint(self._requests, self._leavers, self._changes, self._held(agent), self._held(worker))
        _say(f"{_shown(reading)}; {self._rate:.0f} requests a second, {load.faults} answers explained by faults")
        if self._wanted and not load.faults:
            raise Grown("no fault was seen: the endpoints that should fail did not")
        if load.failures():
            raise Grown(f"requests failed: {load}")
        if "Traceback" in self._proxy.log():
            raise Grown(f"the proxy's log holds a fault:\n{self._proxy.log()[-4000:]}")
        return reading

    def _held(self, process: int) -> Held:
        return Held(*self._probe.ask(process), resident_bytes(process), descriptors(process))


def run(seconds: float, rounds: int, connections: int, leaks: str) -> None:
    """Send requests through a proxy of its own for so long. Raises: Grown if anything grows or fails."""
    with tempfile.TemporaryDirectory(prefix="hauberk-soak-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        issued = trustme.CA().issue_cert("localhost")
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
        (folder / "large").write_bytes(bytes(2_000_000))
        (folder / "mix.lua").write_text(_SCRIPT)
        location = f"root {folder}; if ($uri = /missing) {{ return 404; }} if ($uri != /large) {{ return 200 'ten octets'; }}"
        faulty = stack.enter_context(FaultyEndpoints())
        backend = Ports(stack.enter_context(nginx(folder, location)), faulty.breaking, faulty.leaving)
        probe = HeapProbe(folder, leaks)
        proxy = stack.enter_context(live_proxy(snapshot(backend, folder, 1), environment=probe.environment))
        Soak(proxy, backend, folder, probe, connections).run(seconds, rounds)


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
    parser.add_argument("--leak", default="", help="have the proxy leak, to see it found: requests, changes or both with a comma")
    arguments = parser.parse_args()
    # So that whoever ends it ends the proxy and its backend with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = [name for name in ("wrk", "nginx") if find_program(name) is None]
    if missing:
        _say(f"{' and '.join(missing)} must be installed for this; see .ci/run for the packages")
        return 3
    try:
        run(arguments.seconds, arguments.rounds, arguments.connections, arguments.leak)
    except Grown as error:
        _say(f"FAILED: {error}")
        return 1
    _say("flat: nothing grew, and nothing failed but for the faults that were made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
