"""The agent with its workers: real ones before a real backend, and scripted ones that refuse or die as they are told."""

import gc
import json
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest
import trio
import trustme
from programs import free_port

from hauberk_core.agent.agent import Agent, AgentFailed, serve_agent
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.options import AgentOptions
from hauberk_core.agent.source import FileSource, Source, StaticSource
from hauberk_core.config import Loaded
from hauberk_core.model import (
    AccessLog,
    Cluster,
    Endpoint,
    FilterChain,
    HttpTimeouts,
    Listener,
    Route,
    RouteTable,
    Snapshot,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.address import Address
from hauberk_core.model.codec import encode_snapshot
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.transport import Certificate, TransportConfig

SCRIPTED_WORKER: Final = Path(__file__).parent / "scripted_worker.py"


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(address: Address, path: str = "/", host: str = "localhost", method: str = "GET") -> Answer:
    """One request on a connection of its own. Raises: OSError, trio.BrokenResourceError if it is not answered."""
    with trio.fail_after(60):
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(f"{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            octets = b""
            while chunk := await stream.receive_some(65536):
                octets += chunk
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0]:
        raise trio.BrokenResourceError("closed without an answer")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Answer(int(lines[0].split(" ")[1]), headers, body)


class Backend:
    """Answers every request with its own name; requests for /slow wait until `release` is set."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.release: Final = trio.Event()
        self.waiting: Final = trio.Event()
        self.address = Address("127.0.0.1", 0)

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        name = listeners[0].socket.getsockname()
        self.address = Address(name[0], name[1])
        task_status.started()
        await trio.serve_listeners(self._serve, listeners)

    async def _serve(self, stream: trio.SocketStream) -> None:
        buffer = b""
        async with stream:
            try:
                while chunk := await stream.receive_some(65536):
                    buffer += chunk
                    while b"\r\n\r\n" in buffer:
                        head, _, buffer = buffer.partition(b"\r\n\r\n")
                        if head.startswith(b"GET /slow "):
                            self.waiting.set()
                            await self.release.wait()
                        body = self.name.encode()
                        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            except trio.BrokenResourceError:
                return


@pytest.fixture
async def backend(nursery: trio.Nursery) -> Backend:
    """A running backend."""
    made = Backend("books")
    await nursery.start(made.run)
    return made


def snapshot_to(*backends: Backend, version: str = "", address: str = "127.0.0.1:0", log: Path | None = None) -> Snapshot:
    """One listener called web, and everything to the first backend."""
    clusters = {made.name: Cluster(endpoints=(Endpoint(address=str(made.address)),)) for made in backends}
    routes = (Route(name="all", backends=(WeightedCluster(cluster=backends[0].name),)),)
    chain = FilterChain(route_table="all", timeouts=HttpTimeouts(drain=Duration(5.0)))
    return Snapshot(
        version=version,
        listeners={"web": Listener(address=address, filter_chains=(chain,))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",), routes=routes),))},
        clusters=clusters,
        access_log=None if log is None else AccessLog(file=str(log)),
    )


def scripted(folder: Path, behaviour: str = "serve", workers: int = 2) -> AgentOptions:
    """Options for an agent of scripted workers."""
    command = (sys.executable, str(SCRIPTED_WORKER), str(folder), behaviour)
    return AgentOptions(workers=workers, admin="127.0.0.1:0", worker_command=command)


async def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that tells nobody when it happens. Raises: trio.TooSlowError."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


def process_of(agent: Agent, worker: int = 0) -> int:
    """The process identifier of a worker; 0 while it is being replaced."""
    return agent.state.supervisor.status()[worker].pid


class PushedSource(Source):
    """Yields what a test gives it."""

    def __init__(self, first: Snapshot, folder: Path = Path()) -> None:
        self.folder = folder
        self.certificates = {}
        self._send, self._receive = trio.open_memory_channel[Snapshot | ConfigErrors](10)
        self.push(first)

    def push(self, snapshot: Snapshot | ConfigErrors) -> None:
        """The next configuration, or what is wrong with it."""
        self._send.send_nowait(snapshot)

    async def next(self) -> Loaded:
        received = await self._receive.receive()
        if isinstance(received, ConfigErrors):
            raise received
        return Loaded(received, [])


REAL_WORKERS: Final = AgentOptions(workers=2, admin="127.0.0.1:0")


async def start(nursery: trio.Nursery, source: Source, options: AgentOptions = REAL_WORKERS) -> Agent:
    """An agent whose workers serve."""
    with trio.fail_after(60):
        agent = await nursery.start(lambda task_status: serve_agent(source, options, task_status=task_status))
    assert isinstance(agent, Agent)
    return agent


def configuration_of(agent: Agent) -> int:
    """The number of the configuration in force."""
    return 0 if agent.state.target is None else agent.state.target.number


async def test_requests_are_served_and_configuration_changes_followed(
    nursery: trio.Nursery, backend: Backend, tmp_path: Path
) -> None:
    other = Backend("pens")
    await nursery.start(other.run)
    source = PushedSource(snapshot_to(backend, log=tmp_path / "access.log"))
    agent = await start(nursery, source)
    address = agent.addresses()["web"]
    assert (await ask(address)).body == b"books"
    source.push(snapshot_to(other, log=tmp_path / "access.log"))
    await wait_until(lambda: configuration_of(agent) == 2)
    assert agent.addresses()["web"] == address
    assert (await ask(address)).body == b"pens"
    await agent.drain(60.0)
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert len(lines) == 2
    assert '"GET / HTTP/1.1" 200' in lines[0]


async def test_clusters_show_what_is_under_way_at_each_endpoint(nursery: trio.Nursery, backend: Backend) -> None:
    agent = await start(nursery, PushedSource(snapshot_to(backend)))
    assert agent.admin_address is not None
    nursery.start_soon(ask, agent.addresses()["web"], "/slow")
    await backend.waiting.wait()
    shown = json.loads((await ask(agent.admin_address, "/clusters")).body)
    backend.release.set()
    assert shown["workers"] == 2
    [books] = shown["clusters"]
    assert books["name"] == "books"
    [endpoint] = books["endpoints"]
    assert (endpoint["address"], endpoint["active"]) == (str(backend.address), 1)
    await agent.drain(60.0)


async def test_changes_of_address_open_and_close_sockets(nursery: trio.Nursery, backend: Backend) -> None:
    source = PushedSource(snapshot_to(backend))
    agent = await start(nursery, source)
    old = agent.addresses()["web"]
    new = Address("127.0.0.1", free_port())
    source.push(snapshot_to(backend, address=str(new)))
    await wait_until(lambda: configuration_of(agent) == 2)
    assert (await ask(new)).body == b"books"
    with pytest.raises(OSError, match=r"refused|connect"):
        await ask(old)


async def test_an_address_in_use_refuses_the_change_and_the_last_good_serves_on(nursery: trio.Nursery, backend: Backend) -> None:
    source = PushedSource(snapshot_to(backend))
    agent = await start(nursery, source)
    source.push(snapshot_to(backend, version="bad", address=str(backend.address)))
    await wait_until(lambda: "configuration" in agent.state.refusals)
    assert "another process does already" in agent.state.refusals["configuration"]
    assert configuration_of(agent) == 1
    assert (await ask(agent.addresses()["web"])).body == b"books"
    source.push(snapshot_to(backend, version="good"))
    await wait_until(lambda: configuration_of(agent) == 2)
    assert agent.state.refusals == {}


async def test_a_wrong_text_refuses_the_change(nursery: trio.Nursery, tmp_path: Path) -> None:
    source = PushedSource(Snapshot(access_log=None))
    agent = await start(nursery, source, scripted(tmp_path))
    source.push(ConfigErrors([ConfigError(origin="proxy.json", line=3, column=1, message="no such thing", hint="remove it")]))
    await wait_until(lambda: "configuration" in agent.state.refusals)
    assert "proxy.json:3:1: no such thing" in agent.state.refusals["configuration"]


async def test_a_refusal_by_one_worker_brings_all_back_to_the_last_good(nursery: trio.Nursery, tmp_path: Path) -> None:
    cluster = Cluster(endpoints=(Endpoint(address="127.0.0.1:1"),))
    source = PushedSource(Snapshot(version="1", clusters={"a": cluster}, access_log=None))
    agent = await start(nursery, source, scripted(tmp_path))
    source.push(Snapshot(version="refuse-1", clusters={"a": cluster, "b": cluster}, access_log=None))
    await wait_until(lambda: "configuration" in agent.state.refusals)
    assert agent.state.refusals["configuration"] == "as it was told"
    assert configuration_of(agent) == 1
    # Worker 0 accepted and was brought back; worker 1 refused and had nothing to undo.
    assert (tmp_path / "worker-0").read_text().splitlines() == ["1: +1 -0", "refuse-1: +1 -0", "1: +0 -1"]
    assert (tmp_path / "worker-1").read_text().splitlines() == ["1: +1 -0", "refuse-1: +1 -0"]
    assert [place.configuration for place in agent.state.supervisor.status()] == [1, 1]


async def test_a_worker_killed_in_the_middle_of_a_change_does_not_refuse_it(nursery: trio.Nursery, tmp_path: Path) -> None:
    source = PushedSource(Snapshot(version="1", access_log=None))
    agent = await start(nursery, source, scripted(tmp_path))
    source.push(Snapshot(version="kill-once-1", access_log=None))
    await wait_until(lambda: configuration_of(agent) == 2)
    assert [place.configuration for place in agent.state.supervisor.status()] == [2, 2]
    assert agent.state.refusals == {}


async def test_a_change_that_kills_workers_is_refused(nursery: trio.Nursery, tmp_path: Path) -> None:
    source = PushedSource(Snapshot(version="1", access_log=None))
    agent = await start(nursery, source, scripted(tmp_path))
    source.push(Snapshot(version="kill-1", access_log=None))
    await wait_until(lambda: "configuration" in agent.state.refusals)
    assert "worker 1 died of it twice" in agent.state.refusals["configuration"]
    await wait_until(lambda: [place.configuration for place in agent.state.supervisor.status()] == [1, 1])


async def test_a_killed_worker_is_replaced_and_no_connection_refused(nursery: trio.Nursery, backend: Backend) -> None:
    agent = await start(nursery, PushedSource(snapshot_to(backend)), REAL_WORKERS._replace(workers=1))
    address = agent.addresses()["web"]
    assert (await ask(address)).body == b"books"
    for _ in range(2):
        before = process_of(agent)
        os.kill(before, signal.SIGKILL)
        # Every one of them arrives while there is no worker, or only a new one.
        async with trio.open_nursery() as clients:
            for _ in range(20):
                clients.start_soon(_expect_books, address)
        await wait_until(lambda before=before: process_of(agent) not in {0, before})  # type: ignore[misc]
    # What the dead had counted is still there.
    admin = agent.admin_address
    assert admin is not None
    metrics = (await ask(admin, "/stats/prometheus", "127.0.0.1")).body.decode()
    counted = [
        line for line in metrics.splitlines() if line.startswith("istio_requests_total{") and 'response_code="200"' in line
    ]
    assert [float(line.rpartition(" ")[2]) for line in counted] == [41.0]


async def _expect_books(address: Address) -> None:
    assert (await ask(address)).body == b"books"


async def test_draining_finishes_what_is_in_flight_and_refuses_what_is_new(nursery: trio.Nursery, backend: Backend) -> None:
    agent = await start(nursery, PushedSource(snapshot_to(backend)))
    address = agent.addresses()["web"]
    answers: list[Answer] = []
    async with trio.open_nursery() as clients:

        async def ask_slowly() -> None:
            answers.append(await ask(address, "/slow"))

        clients.start_soon(ask_slowly)
        await backend.waiting.wait()
        clients.start_soon(agent.drain, 120.0)
        await wait_until(lambda: agent.state.draining)
        admin = agent.admin_address
        assert admin is not None
        assert (await ask(admin, "/healthz/ready", "localhost")).status == 503

        def refused() -> bool:
            with socket.socket() as client:
                return client.connect_ex(address) != 0

        await wait_until(refused)
        backend.release.set()
    assert [answer.body for answer in answers] == [b"books"]


async def test_who_does_not_drain_is_ended(nursery: trio.Nursery, tmp_path: Path) -> None:
    agent = await start(nursery, PushedSource(Snapshot(access_log=None)), scripted(tmp_path, "stubborn", 1))
    process = process_of(agent)
    with trio.fail_after(60):
        await agent.drain(0.1)
    await wait_until(lambda: not Path(f"/proc/{process}").exists())


async def test_cancelling_leaves_no_process_and_no_descriptor(tmp_path: Path) -> None:
    gc.collect()  # what others have left behind gives its descriptors back now, and not within this test
    before = len(list(Path("/proc/self/fd").iterdir()))
    processes: list[int] = []
    async with trio.open_nursery() as nursery:
        agent = await start(nursery, PushedSource(Snapshot(access_log=None)), scripted(tmp_path))
        processes += [process_of(agent, 0), process_of(agent, 1)]
        nursery.cancel_scope.cancel()
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_workers_that_do_not_start_fail_the_agent_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(AgentFailed, match=r"worker . did not start, 3 times over: it ended"), trio.fail_after(60):
        await serve_agent(PushedSource(Snapshot(access_log=None)), scripted(tmp_path, "fail"))


async def test_a_first_configuration_that_is_wrong_fails_the_agent(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "missing.json")
    with pytest.raises(AgentFailed, match=r"the configuration is refused:\n.*missing.json.*No such file"), trio.fail_after(60):
        await serve_agent(source, scripted(tmp_path))


async def test_an_admin_address_in_use_fails_the_agent(backend: Backend, tmp_path: Path) -> None:
    options = scripted(tmp_path)._replace(admin=str(backend.address))
    with pytest.raises(AgentFailed, match="listener admin: cannot listen on"), trio.fail_after(60):
        await serve_agent(StaticSource(Snapshot(access_log=None)), options)


async def test_descriptors_stay_flat_over_many_changes(nursery: trio.Nursery, backend: Backend, tmp_path: Path) -> None:
    def snapshot(turn: int) -> Snapshot:
        base = snapshot_to(backend, version=str(turn), log=tmp_path / f"access-{turn % 2}.log")
        # Every other configuration has a listener and a cluster more, and another log.
        extra = {"extra": base.listeners["web"]} if turn % 2 else {}
        return msgspec.structs.replace(base, listeners={**base.listeners, **extra})

    source = PushedSource(snapshot(0))
    agent = await start(nursery, source, REAL_WORKERS._replace(workers=1))
    worker = process_of(agent)

    def descriptors() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path(f"/proc/{worker}/fd").iterdir()))

    async def change(turn: int) -> None:
        source.push(snapshot(turn))
        await wait_until(lambda: configuration_of(agent) == turn + 1)

    for turn in range(1, 11):
        await change(turn)
    before = descriptors()
    for turn in range(11, 111):
        await change(turn)
    assert descriptors() == before
    assert process_of(agent) == worker
    assert (await ask(agent.addresses()["web"])).body == b"books"


async def test_a_rotated_certificate_is_shown_without_a_restart(nursery: trio.Nursery, backend: Backend, tmp_path: Path) -> None:
    authority = trustme.CA()

    def write_leaf() -> None:
        leaf = authority.issue_cert("a.example.test")
        (tmp_path / "chain.pem").write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        (tmp_path / "key.pem").write_bytes(leaf.private_key_pem.bytes())

    write_leaf()
    base = snapshot_to(backend)
    transport = TransportConfig(security="tls", certificates=("web",))
    chain = msgspec.structs.replace(base.listeners["web"].filter_chains[0], transport=transport)
    snapshot = msgspec.structs.replace(
        base,
        listeners={"web": Listener(address="127.0.0.1:0", filter_chains=(chain,))},
        certificates={"web": Certificate(chain_file="chain.pem", key_file="key.pem")},
    )
    (tmp_path / "proxy.json").write_bytes(encode_snapshot(snapshot))
    agent = await start(nursery, FileSource(tmp_path / "proxy.json"))
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async def shown() -> bytes | None:
        address = agent.addresses()["web"]
        with trio.fail_after(60):
            async with await trio.open_ssl_over_tcp_stream(
                address.host, address.port, ssl_context=context, https_compatible=True
            ) as stream:
                await stream.do_handshake()
                octets: bytes | None = stream.getpeercert(binary_form=True)
                return octets

    context.check_hostname = False
    first = await shown()
    write_leaf()
    await wait_until(lambda: configuration_of(agent) == 2)
    second = await shown()
    assert first != second
    # Only half of a rotation: the key does not fit any more, which is told after a while; the last pair serves on.
    (tmp_path / "key.pem").write_bytes(authority.issue_cert("b.example.test").private_key_pem.bytes())
    await wait_until(lambda: "certificates" in agent.state.refusals)
    assert "the key does not belong to the certificate" in agent.state.refusals["certificates"]
    assert await shown() == second
    write_leaf()
    await wait_until(lambda: configuration_of(agent) == 3)
    assert agent.state.refusals == {}
    assert await shown() not in {first, second}


async def test_keys_are_never_logged(
    nursery: trio.Nursery, backend: Backend, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leaf = trustme.CA().issue_cert("a.example.test")
    key = leaf.private_key_pem.bytes()
    (tmp_path / "chain.pem").write_bytes(key)
    (tmp_path / "key.pem").write_bytes(key)
    source = PushedSource(snapshot_to(backend), tmp_path)
    with caplog.at_level(logging.DEBUG, LOG.name):
        agent = await start(nursery, source, scripted(tmp_path))
        bad = msgspec.structs.replace(
            snapshot_to(backend), certificates={"web": Certificate(chain_file="chain.pem", key_file="key.pem")}
        )
        source.push(bad)
        await wait_until(lambda: "configuration" in agent.state.refusals)
    assert "refused" in caplog.text
    assert key.splitlines()[1].decode() not in caplog.text + agent.state.refusals["configuration"]
