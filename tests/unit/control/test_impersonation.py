"""Who asks for what is another's: every way in, what is tried there, and that it is refused and logged. One row each.

What lies behind a row in detail is in the tests of each part; here it is complete.
"""

import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio
import pytest
import trio
from live_authority import KEY, call_octets
from mesh_world import TRUST_DOMAIN, Control, Meant, MeshWorld, node_document, open_control, snapshot_to

from hauberk_control.ca.tokens import Grant
from hauberk_control.local import server as server_module
from hauberk_control.local.messages import LARGEST_LINE, Answer, Noted, RegisterWorkload, Request
from hauberk_control.local.server import open_local_socket
from hauberk_core.agent.discovery.mirror import Mirror
from hauberk_core.agent.discovery.stream import StreamEnded, open_stream
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.key import make_request
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.logs import LOG
from hauberk_core.identity import SpiffeId
from hauberk_core.wire_proto.discovery_pb2 import Node
from hauberk_core.wire_proto.istio_ca_pb2 import IstioCertificateRequest
from hauberk_core.wire_proto.service import NODE_FIELD

PATIENCE = 60.0


class Mesh(NamedTuple):
    """What an attacker meets: `reviews`, with a certificate of its own, asks for what is of `payments`."""

    world: MeshWorld
    control: Control
    thread: AsyncioThread

    def reviews(self) -> WorkloadIdentity:
        return self.world.identity("reviews")

    async def subscribe(self, identity: WorkloadIdentity, document: dict[str, object], *names: str) -> str:
        """Open a discovery stream. Returns: how it ended, or the resources that came."""
        node = Node()
        node.metadata.fields[NODE_FIELD].string_value = json.dumps(document)
        first = Mirror("", {}).greet(node)
        first.resource_names_subscribe.extend(names)
        try:
            with trio.fail_after(PATIENCE):
                async with open_stream(self.thread, self.control.address, identity, first) as stream:
                    response = await stream.receive()
        except StreamEnded as ended:
            return str(ended)
        return "sent: " + ", ".join(sorted([resource.name for resource in response.resources]))

    async def sign(self, address: str, credentials: grpc.ChannelCredentials, token: str = "", **claims: str) -> str:
        """Ask for a certificate. Returns: the status, or `signed`."""
        message = IstioCertificateRequest(csr=make_request(KEY), validity_duration=60)
        message.metadata.update(claims)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            await self.thread.run(call_octets, address, credentials, message.SerializeToString(), metadata)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "signed"

    def certified(self) -> grpc.ChannelCredentials:
        own = self.reviews()
        return grpc.ssl_channel_credentials(own.trust_pem, own.key_pem, own.certificate_pem)

    def joining(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.world.authority.trust_pem())

    def token(self) -> str:
        return self.world.tokens.make(Grant(SpiffeId(TRUST_DOMAIN, "default", "reviews"), "sidecar", "reviews-v1"))


class Attempt(NamedTuple):
    """One row."""

    way: str
    asks: str
    attempt: Callable[[Mesh], Awaitable[str]]
    refused: str
    """What the asker is told."""
    logged: str
    """What stands in control's log."""


PAYMENTS = node_document("payments-v1")
ATTEMPTS = [
    Attempt("discovery", "name", lambda mesh: mesh.subscribe(mesh.reviews(), PAYMENTS), "PERMISSION_DENIED", "sa/reviews"),
    Attempt(
        "discovery",
        "identity",
        lambda mesh: mesh.subscribe(
            mesh.reviews(), node_document("reviews-v1", identity=f"spiffe://{TRUST_DOMAIN}/ns/default/sa/payments")
        ),
        "PERMISSION_DENIED",
        "it calls itself",
    ),
    Attempt(
        "discovery",
        "namespace",
        lambda mesh: mesh.subscribe(mesh.reviews(), node_document("reviews-v1", namespace="bank")),
        "PERMISSION_DENIED",
        "it claims the namespace 'bank'",
    ),
    Attempt(
        "discovery",
        "gateway's configuration",
        lambda mesh: mesh.subscribe(mesh.reviews(), node_document("default/front", role="gateway")),
        "PERMISSION_DENIED",
        "it claims to be the gateway 'default/front'",
    ),
    Attempt(
        "discovery",
        "other gateway's configuration",
        lambda mesh: mesh.subscribe(mesh.world.identity("back-hauberk"), node_document("default/front", role="gateway")),
        "PERMISSION_DENIED",
        "it claims to be the gateway 'default/front'",
    ),
    Attempt(
        "discovery",
        "secret",
        lambda mesh: mesh.subscribe(mesh.reviews(), node_document("reviews-v1"), "certificate/shop"),
        "sent: ",
        "asks for resources that it is not meant to have: 'certificate/shop'",
    ),
    Attempt(
        "certificate by certificate",
        "service account",
        lambda mesh: mesh.sign(mesh.control.address, mesh.certified(), ServiceAccount="payments"),
        "PERMISSION_DENIED",
        "wrong claim",
    ),
    Attempt(
        "certificate by certificate",
        "namespace",
        lambda mesh: mesh.sign(mesh.control.address, mesh.certified(), Namespace="bank"),
        "PERMISSION_DENIED",
        "wrong claim",
    ),
    Attempt(
        "certificate by certificate",
        "impersonation",
        lambda mesh: mesh.sign(mesh.control.address, mesh.certified(), ImpersonatedIdentity="payments"),
        "PERMISSION_DENIED",
        "impersonation",
    ),
    Attempt(
        "certificate by token",
        "service account",
        lambda mesh: mesh.sign(mesh.control.join, mesh.joining(), mesh.token(), ServiceAccount="payments"),
        "PERMISSION_DENIED",
        "wrong claim",
    ),
    Attempt(
        "certificate by token",
        "without one",
        lambda mesh: mesh.sign(mesh.control.join, mesh.joining()),
        "UNAUTHENTICATED",
        "no proof",
    ),
    Attempt(
        "certificate by token",
        "a made-up one",
        lambda mesh: mesh.sign(mesh.control.join, mesh.joining(), "hbj_" + "A" * 12 + "." + "A" * 43),
        "UNAUTHENTICATED",
        "unknown token",
    ),
]


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    world = MeshWorld(tmp_path / "ca")
    world.people.workloads.update({("default", "reviews-v1"): "reviews", ("default", "payments-v1"): "payments"})
    world.people.gateways.update({("default", "front"): "hauberk", ("default", "back"): "hauberk"})
    for name in ("reviews_v1", "payments_v1"):
        world.publish(**{name: Meant(snapshot_to(1))})
    async with open_control(world) as control, open_asyncio_thread() as thread:
        yield Mesh(world, control, thread)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


@pytest.mark.parametrize("row", ATTEMPTS, ids=[f"{row.way}: {row.asks}" for row in ATTEMPTS])
async def test_what_is_anothers_is_refused_and_logged(row: Attempt, mesh: Mesh, log: pytest.LogCaptureFixture) -> None:
    told = await row.attempt(mesh)
    assert row.refused in told
    if told.startswith("sent: "):
        assert told == "sent: "
    with trio.fail_after(PATIENCE):
        while not any(row.logged in record.getMessage() and record.levelno == logging.WARNING for record in log.records):  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_the_same_requests_for_what_is_its_own_are_fulfilled(mesh: Mesh) -> None:
    assert "cluster/books" in await mesh.subscribe(mesh.reviews(), node_document("reviews-v1"))
    assert await mesh.sign(mesh.control.address, mesh.certified(), ServiceAccount="reviews") == "signed"
    assert await mesh.sign(mesh.control.join, mesh.joining(), mesh.token(), ServiceAccount="reviews") == "signed"


# The admin socket, whose askers have the user's own rights: who may open it, and what each may cost.


class Service:
    """Says yes to everything, at some length."""

    async def answer(self, request: Request) -> Answer:
        return Noted()

    def unregister(self, request: RegisterWorkload) -> None:
        pass


@pytest.fixture
async def admin_socket(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "mesh" / "control.sock"
    path.parent.mkdir()
    async with open_local_socket(path, Service()):
        yield path


async def ended(stream: trio.SocketStream) -> bool:
    """Whether control ends the connection without an answer."""
    with trio.fail_after(PATIENCE):
        try:
            return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the kernel does not tell who connects")
async def test_another_user_is_refused_and_logged(
    admin_socket: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    ours = os.geteuid()
    # As seen from a server that runs as somebody else, the peer is foreign.
    monkeypatch.setattr(os, "geteuid", lambda: ours + 1)
    async with await trio.open_unix_socket(str(admin_socket)) as stream:
        assert await ended(stream)
    assert "a connection of another user was closed" in log.text


async def test_a_request_without_end_is_cut_off(admin_socket: Path) -> None:
    async with await trio.open_unix_socket(str(admin_socket)) as stream:
        with trio.fail_after(PATIENCE):
            try:
                await stream.send_all(b" " * (LARGEST_LINE + 1_000_000))
            except trio.BrokenResourceError:
                return
        assert await ended(stream)


async def test_who_does_not_finish_a_request_is_cut_off(admin_socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINE_SECONDS", 0.05)
    async with await trio.open_unix_socket(str(admin_socket)) as stream:
        await stream.send_all(b'{"op":')
        assert await ended(stream)


async def test_who_does_not_read_its_answers_is_cut_off(admin_socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINE_SECONDS", 0.05)
    async with await trio.open_unix_socket(str(admin_socket)) as stream:
        with trio.fail_after(PATIENCE):
            try:
                while True:
                    await stream.send_all(b'{"op":"services"}\n' * 1000)
            except trio.BrokenResourceError:
                return


async def test_who_only_waits_may_wait(admin_socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINE_SECONDS", 0.01)
    async with await trio.open_unix_socket(str(admin_socket)) as stream:
        for _ in range(2):
            await stream.send_all(b'{"op":"services"}\n')
            with trio.fail_after(PATIENCE):
                assert json.loads(await stream.receive_some()) == {"op": "noted"}
            await trio.sleep(0.05)
