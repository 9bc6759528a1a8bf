"""A whole proxy of a mesh: it joins, serves, hears of changes, and starts again while control is away."""

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest
import trio
from mesh_world import TRUST_DOMAIN, Control, Meant, MeshWorld, node_document, open_control, snapshot_to

from hauberk_control.ca.tokens import Grant
from hauberk_core.agent.agent import Agent, AgentFailed, serve_agent
from hauberk_core.agent.bootstrap import Bootstrap
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.mesh import installed_plugins, mesh_options, mesh_source
from hauberk_core.identity import SpiffeId
from hauberk_core.model.address import Address

PATIENCE: Final = 60.0
REVIEWS: Final = SpiffeId(TRUST_DOMAIN, "default", "reviews")


async def answer_with(name: str, stream: trio.SocketStream) -> None:
    """Answer one request with a name."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        octets += await stream.receive_some(65536)
    body = name.encode()
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
    await stream.aclose()


async def open_backend(name: str, nursery: trio.Nursery) -> int:
    """Start a backend. Returns its port."""

    async def handle(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await answer_with(name, stream)

    listeners: list[trio.SocketListener] = await nursery.start(_serve, handle)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def _serve(handle: Callable[[trio.SocketStream], object], task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
    await trio.serve_tcp(handle, 0, host="127.0.0.1", task_status=task_status)  # type: ignore[arg-type]


async def get(address: Address) -> tuple[int, str]:
    """The status and the body of one answer."""
    with trio.fail_after(60):
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            octets = b""
            while chunk := await stream.receive_some(65536):
                octets += chunk
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


async def page(agent: Agent, path: str) -> str:
    """A page of the admin server."""
    assert agent.admin_address is not None
    with trio.fail_after(60):
        async with await trio.open_tcp_stream(agent.admin_address.host, agent.admin_address.port) as stream:
            await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            octets = b""
            while chunk := await stream.receive_some(65536):
                octets += chunk
    return octets.partition(b"\r\n\r\n")[2].decode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - processes and threads of others send none
            await trio.sleep(0.02)


async def until_answer(address: Callable[[], Address], body: str) -> None:
    """Wait until that is the answer; any other must still be one."""
    with trio.fail_after(PATIENCE):
        while (answer := await get(address())) != (200, body):
            assert answer[0] == 200
            await trio.sleep(0.02)


@pytest.fixture
def world(tmp_path: Path) -> MeshWorld:
    """A mesh."""
    return MeshWorld(tmp_path / "ca")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What was logged."""
    monkeypatch.setattr(LOG, "propagate", True)
    # Other people's logging configurations switch off every logger that they do not know.
    monkeypatch.setattr(LOG, "disabled", False)
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


def bootstrap(world: MeshWorld, control: Control, state: Path, token: str) -> Bootstrap:
    document = node_document("reviews-v1", identity=str(REVIEWS))
    return Bootstrap(
        control=control.address,
        join=control.join,
        root=world.authority.trust_pem().decode(),
        identity=str(REVIEWS),
        role="sidecar",
        name="reviews-v1",
        node=msgspec.Raw(json.dumps(document).encode()),
        state=str(state),
        join_token=token,
        admin="127.0.0.1:0",
    )


@contextlib.asynccontextmanager
async def running(start: Bootstrap) -> AsyncIterator[Agent]:
    """A proxy that serves."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE):
            agent = await nursery.start(serve_agent, mesh_source(start), mesh_options(start))
        yield agent
        nursery.cancel_scope.cancel()


def token(world: MeshWorld) -> str:
    return world.tokens.make(Grant(REVIEWS, "sidecar", "reviews-v1"))


async def test_a_proxy_joins_serves_follows_and_starts_again_without_control(
    world: MeshWorld, tmp_path: Path, nursery: trio.Nursery, log: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    first, second = await open_backend("first", nursery), await open_backend("second", nursery)
    world.publish(reviews_v1=Meant(snapshot_to(first)))
    async with open_control(world) as control:
        start = bootstrap(world, control, state, token(world))
        async with running(start) as agent:
            assert await get(agent.addresses()["web"]) == (200, "first")
            await until(lambda: [status.current for status in control.service.proxies()] == [True])
            world.publish(reviews_v1=Meant(snapshot_to(second)))
            await until_answer(lambda: agent.addresses()["web"], "second")
            assert "[+] control: connected" in await page(agent, "/readyz?verbose")
            assert control.service.proxies()[0].identity == str(REVIEWS)

            # A port that is taken: refused, and told.
            taken = snapshot_to(first, version="taken", address=f"127.0.0.1:{second}")
            world.publish(reviews_v1=Meant(taken))
            await until(lambda: control.service.proxies()[0].refused_version == "taken")
            assert str(second) in control.service.proxies()[0].refused_reason
            assert await get(agent.addresses()["web"]) == (200, "second")

    # Control is gone: the proxy starts from disk.
    async with running(msgspec.structs.replace(start, join_token="")) as agent:
        assert await get(agent.addresses()["web"]) == (200, "second")
        await until(lambda: "cannot be reached" in log.text)
        ready = await page(agent, "/readyz?verbose")
        assert "[+] control: away for" in ready
        assert "ready\n" in ready
        # Control comes back with something newer, and nobody has to ask.
        world.publish(reviews_v1=Meant(snapshot_to(first)))
        port, join_port = (int(address.rpartition(":")[2]) for address in (control.address, control.join))
        async with open_control(world, port, join_port) as control:
            await until_answer(lambda: agent.addresses()["web"], "first")
            await until(lambda: [status.current for status in control.service.proxies()] == [True])


async def test_a_first_configuration_that_is_refused_is_waited_out(
    world: MeshWorld, tmp_path: Path, nursery: trio.Nursery
) -> None:
    backend = await open_backend("first", nursery)
    world.publish(reviews_v1=Meant(snapshot_to(backend, version="taken", address=f"127.0.0.1:{backend}")))
    async with open_control(world) as control:
        start = bootstrap(world, control, tmp_path / "state", token(world))
        async with trio.open_nursery() as proxies:
            agent = Agent(mesh_source(start), mesh_options(start))
            proxies.start_soon(agent.run)
            await until(lambda: [status.refused_version for status in control.service.proxies()] == ["taken"])
            assert "configuration refused" in await page(agent, "/readyz?verbose")
            world.publish(reviews_v1=Meant(snapshot_to(backend)))
            await until(lambda: "web" in agent.addresses())
            assert await get(agent.addresses()["web"]) == (200, "first")
            proxies.cancel_scope.cancel()


async def test_a_token_that_was_used_is_an_end_with_a_reason(world: MeshWorld, tmp_path: Path) -> None:
    used = token(world)
    world.tokens.redeem(used)
    async with open_control(world) as control:
        start = bootstrap(world, control, tmp_path / "state", used)
        with trio.fail_after(PATIENCE), pytest.raises(AgentFailed, match=r"this proxy gets no identity: .*it was used already"):
            await Agent(mesh_source(start), mesh_options(start)).run()


def test_installed_plugins_are_told_without_those_that_are_switched_off() -> None:
    assert {"mtls", "tracing"} <= set(installed_plugins({}))
    assert all(installed_plugins({}).values())
    assert "tracing" not in installed_plugins({"HAUBERK_PLUGINS_OFF": "tracing"})
    assert installed_plugins({"HAUBERK_PLUGINS_OFF": "*"}) == {}
