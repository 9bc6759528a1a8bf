"""How soon a change of one route reaches many proxies, and how much is sent for it: `python -m bench.changes`.

Control runs as a process of its own, from a folder of files. The proxies are played in this one: each has a certificate of the
mesh and a discovery stream of its own over mutual TLS, and answers as an agent does, but serves nothing. What is measured begins
with the edit on disk and ends with the response at each proxy: reading, translation, and the way there. A real proxy takes a
while longer.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio

from hauberk_cli.mesh.joining import connect_to_control
from hauberk_control.local.client import ControlConnection
from hauberk_control.local.messages import Joined, JoinGateway, Noted, RegisterWorkload, WorkloadReady
from hauberk_control.translate.node import Node
from hauberk_core.agent.discovery.mirror import Mirror
from hauberk_core.agent.discovery.stream import DiscoveryStream, open_stream
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.client import GrpcCertificateClient
from hauberk_core.agent.identity.key import make_key, make_request
from hauberk_core.agent.identity.workload import WorkloadIdentity, read_answer
from hauberk_core.wire_proto.discovery_pb2 import Node as NodeMessage
from hauberk_core.wire_proto.service import NODE_FIELD

# The bar for 100 proxies and 1,000 routes.
BAR_SECONDS: Final = 2.0
# Between two edits, so that each is seen for itself.
_PAUSE_SECONDS: Final = 0.3
_START_SECONDS: Final = 120.0
_ROUTES_A_FILE: Final = 50

_GATEWAY: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: books}
spec:
  selector: {app: books}
  ports: [{port: 9080}]
"""
_ROUTE: Final = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route-NUMBER}
spec:
  parentRefs: [PARENT]
  rules:
  - matches: [{path: {type: PathPrefix, value: /PATH/NUMBER}}]
    backendRefs: [{name: books, port: 9080}]
"""
_PARENTS: Final = {"gateway": "{name: web}", "sidecar": '{group: "", kind: Service, name: books}'}


class Delivery(NamedTuple):
    """One response at one proxy."""

    seconds: float
    """Since the edit."""
    octets: int


class Files:
    """The routes on disk."""

    def __init__(self, folder: Path, role: str, routes: int) -> None:
        self._folder: Final = folder
        self._parent: Final = _PARENTS[role]
        self._routes: Final = routes
        (folder / "gateway.yaml").write_text(_GATEWAY)
        for first in range(0, routes, _ROUTES_A_FILE):
            self._write(first, "/before", -1)

    def edit(self, edit: int) -> None:
        """Change one route, another one each time."""
        number = edit * 37 % self._routes
        self._write(number - number % _ROUTES_A_FILE, f"/edit-{edit}", number)

    def _write(self, first: int, path: str, edited: int) -> None:
        texts = [self._route(number, path if number == edited else "/before") for number in self._numbers(first)]
        fresh = self._folder / f".routes-{first:05d}"
        fresh.write_text("".join(texts))
        fresh.replace(self._folder / f"routes-{first:05d}.yaml")

    def _numbers(self, first: int) -> range:
        return range(first, min(first + _ROUTES_A_FILE, self._routes))

    def _route(self, number: int, path: str) -> str:
        return _ROUTE.replace("NUMBER", str(number)).replace("PARENT", self._parent).replace("/PATH", path)


class Fleet:
    """The proxies."""

    def __init__(self, mesh: Path, role: str, count: int) -> None:
        self._mesh: Final = mesh
        self._role: Final = role
        self._count: Final = count
        self._edited_at = 0.0
        self._waiting = 0
        self._all_have = trio.Event()
        self.deliveries: Final[list[Delivery]] = []

    async def measure(self, files: Files, edits: int) -> None:
        """Connect all, then edit again and again."""
        async with open_asyncio_thread() as thread, trio.open_nursery() as nursery:
            connection = await connect_to_control(self._mesh)
            self._expect()
            for number in range(self._count):
                node, joined = await self._join(connection, number)
                identity = await _identity(thread, joined)
                nursery.start_soon(self._play, thread, joined.control, identity, node)
            with trio.fail_after(_START_SECONDS):
                await self._all_have.wait()
            self.deliveries.clear()
            for edit in range(edits):
                await trio.sleep(_PAUSE_SECONDS)
                self._expect()
                self._edited_at = time.perf_counter()
                await trio.to_thread.run_sync(files.edit, edit)
                with trio.fail_after(_START_SECONDS):
                    await self._all_have.wait()
            nursery.cancel_scope.cancel()
            # Until now: with it workloads leave.
            await connection.close()

    def _expect(self) -> None:
        self._waiting = self._count
        self._all_have = trio.Event()

    async def _join(self, connection: ControlConnection, number: int) -> tuple[Node, Joined]:
        if self._role == "gateway":
            joined = await connection.ask(JoinGateway(namespace="default", name="web"), Joined)
            return Node(
                identity=joined.identity, role="gateway", name="default/web", namespace="default", ports={80: 8080}
            ), joined
        name = f"caller-{number}"
        request = RegisterWorkload(service="caller", name=name, ports={80: 20_000 + number})
        joined = await connection.ask(request, Joined)
        await connection.ask(WorkloadReady(namespace="default", name=name), Noted)
        node = Node(
            identity=joined.identity,
            role="sidecar",
            name=name,
            namespace="default",
            labels={"app": "caller"},
            http_proxy_port=15001,
        )
        return node, joined

    async def _play(self, thread: AsyncioThread, control: str, identity: WorkloadIdentity, node: Node) -> None:
        mirror = Mirror("", {})
        message = NodeMessage()
        message.metadata.fields[NODE_FIELD].string_value = msgspec.json.encode(node).decode()
        async with open_stream(thread, control, identity, mirror.greet(message)) as stream:
            while True:
                await self._take(stream, mirror)

    async def _take(self, stream: DiscoveryStream, mirror: Mirror) -> None:
        first = not mirror.held
        response = await stream.receive()
        changed = any(resource.name.startswith("route_table") for resource in response.resources)
        candidate = mirror.receive(response)
        if changed:
            self.deliveries.append(Delivery(time.perf_counter() - self._edited_at, response.ByteSize()))
        await stream.send(mirror.accept(candidate))
        if changed or first:
            self._waiting -= 1
            if self._waiting == 0:
                self._all_have.set()


async def _identity(thread: AsyncioThread, joined: Joined) -> WorkloadIdentity:
    key = make_key()
    client = GrpcCertificateClient(thread, joined.control, joined.join)
    answer = await client.join(make_request(key), 0, {}, joined.token, joined.root.encode())
    return read_answer(answer.certificates, key, None, time.time(), answer.control_clock)


def measure(role: str, proxies: int, routes: int, edits: int) -> list[Delivery]:
    """Run one mesh. Returns: every delivery of every edit."""
    with tempfile.TemporaryDirectory() as name:
        mesh = Path(name)
        files = Files(mesh, role, routes)
        with (mesh / "log").open("wb") as log:
            control = subprocess.Popen([sys.executable, "-P", "-m", "hauberk_cli", "control", name], stdout=log, stderr=log)
        try:
            fleet = Fleet(mesh, role, proxies)
            trio.run(fleet.measure, files, edits)
            return fleet.deliveries
        finally:
            control.terminate()
            control.wait(30)


def main() -> int:
    """Measure and print. Returns: 1 if a change took longer than the bar allows."""
    options = argparse.ArgumentParser(prog="python -m bench.changes", description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--proxies", type=int, default=100)
    options.add_argument("--routes", type=int, default=1000)
    options.add_argument("--edits", type=int, default=20)
    options.add_argument("--role", action="append", choices=sorted(_PARENTS), help="default: both")
    given = options.parse_args()
    failed = False
    for role in given.role or sorted(_PARENTS):
        deliveries = measure(role, given.proxies, given.routes, given.edits)
        seconds = sorted(delivery.seconds for delivery in deliveries)
        p99 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
        octets = statistics.median(delivery.octets for delivery in deliveries)
        failed = failed or p99 >= BAR_SECONDS
        median, most = statistics.median(seconds), seconds[-1]
        print(f"{given.proxies} proxies ({role}), {given.routes} routes, {given.edits} edits:")
        print(f"  median {1000 * median:.0f} ms, p99 {1000 * p99:.0f} ms, most {1000 * most:.0f} ms", end="; ")
        print(f"{octets / 1024:.1f} KiB a proxy and edit")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
