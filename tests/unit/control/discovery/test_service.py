"""Discovery over real gRPC with mutual TLS, seen from proxies that keep to the rules and from some that do not."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NoReturn

import grpc
import grpc.aio
import pytest
import trio
from eventually import eventually
from mesh_world import Control, Meant, MeshWorld, node_document, open_control, snapshot_to

from hauberk_control.ca.rates import Rate
from hauberk_control.discovery import service as service_module
from hauberk_control.discovery.status import ProxyStatus
from hauberk_core.agent.discovery import stream as stream_module
from hauberk_core.agent.discovery.mirror import Candidate, Mirror
from hauberk_core.agent.discovery.stream import DiscoveryStream, StreamEnded, open_stream
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.client import channel_options
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.logs import LOG
from hauberk_core.model import FilterChain, Listener, Snapshot
from hauberk_core.model.transport import Certificate, TransportConfig
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, Node
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE, IN_FORCE_FIELD, METHOD_PATH, NODE_FIELD

PATIENCE: Final = 60.0


def node_message(document: dict[str, object]) -> Node:
    message = Node(id="test")
    message.metadata.fields[NODE_FIELD].string_value = json.dumps(document)
    return message


class Proxy:
    """A proxy as a test drives it."""

    def __init__(self, stream: DiscoveryStream, mirror: Mirror) -> None:
        self.stream: Final = stream
        self.mirror: Final = mirror

    async def next(self) -> Candidate:
        with trio.fail_after(PATIENCE):
            return self.mirror.receive(await self.stream.receive())

    async def accept(self, candidate: Candidate) -> None:
        await self._send(self.mirror.accept(candidate))

    async def refuse(self, candidate: Candidate, reason: str) -> None:
        await self._send(self.mirror.refuse(candidate, reason))

    async def take(self) -> Candidate:
        candidate = await self.next()
        await self.accept(candidate)
        return candidate

    async def _send(self, request: DeltaDiscoveryRequest | None) -> None:
        assert request is not None
        await self.stream.send(request)

    async def expect_nothing(self, seconds: float = 0.2) -> None:
        with trio.move_on_after(seconds):
            response = await self.stream.receive()
            pytest.fail(f"{response} was sent")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy takes its time to connect a hundred proxies."""
    monkeypatch.setattr(stream_module, "_CONNECT_SECONDS", PATIENCE)


@pytest.fixture
def world(tmp_path: Path) -> MeshWorld:
    """A mesh in which reviews-v1 and payments-v1 are meant to have something."""
    made = MeshWorld(tmp_path / "ca")
    made.people.workloads["default", "reviews-v1"] = "reviews"
    made.people.workloads["default", "payments-v1"] = "payments"
    made.people.gateways["default", "front"] = "hauberk"
    made.people.gateways["default", "back"] = "hauberk"
    made.publish(reviews_v1=Meant(snapshot_to(9001)), payments_v1=Meant(snapshot_to(9002)))
    return made


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    """Where the proxies' gRPC runs."""
    async with open_asyncio_thread() as made:
        yield made


@pytest.fixture
async def control(world: MeshWorld) -> AsyncIterator[Control]:
    """A running control."""
    async with open_control(world) as running:
        yield running


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What was logged."""
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


async def wait_status(control: Control, wanted: Callable[[ProxyStatus], bool]) -> ProxyStatus:
    """The status of the one proxy, once it is as wanted."""
    with trio.fail_after(PATIENCE):
        while True:
            for status in control.service.proxies():
                if wanted(status):
                    return status
            await trio.sleep(0.01)


async def wait_no_proxy(control: Control) -> None:
    with trio.fail_after(PATIENCE):
        while control.service.proxies():  # noqa: ASYNC110 - the status has no events
            await trio.sleep(0.01)


def reviews(world: MeshWorld) -> tuple[WorkloadIdentity, Node]:
    return world.identity("reviews"), node_message(node_document("reviews-v1", plugins={"mtls": "1.0"}))


async def expect_refused(
    thread: AsyncioThread, control: Control, identity: WorkloadIdentity, node: Node, mirror: Mirror | None = None
) -> str:
    """Why control refuses this proxy."""
    with trio.fail_after(PATIENCE), pytest.raises(StreamEnded) as caught:
        await _stay(thread, control, identity, (mirror or Mirror("", {})).greet(node))
    assert caught.value.refused
    return str(caught.value)


async def _stay(thread: AsyncioThread, control: Control, identity: WorkloadIdentity, first: DeltaDiscoveryRequest) -> NoReturn:
    async with open_stream(thread, control.address, identity, first) as stream:
        while True:
            await stream.receive()


async def test_a_proxy_gets_its_configuration_and_each_change(world: MeshWorld, control: Control, thread: AsyncioThread) -> None:
    identity, node = reviews(world)
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        proxy = Proxy(stream, mirror)
        first = await proxy.take()
        assert first.version == "to 9001"
        assert set(first.resources) == {"listener/web", "route_table/all", "cluster/books"}
        status = await wait_status(control, lambda status: status.current)
        assert (status.identity, status.name, status.version) == (identity.spiffe_id, "reviews-v1", "to 9001")
        assert (status.resources, status.behind_seconds, status.plugins) == (3, 0.0, {"mtls": "1.0"})

        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        changed = await proxy.next()
        assert {name for name, resource in changed.resources.items() if first.resources[name] != resource} == {"cluster/books"}
        behind = await wait_status(control, lambda status: not status.current)
        assert behind.version == "to 9001"
        await proxy.accept(changed)
        await wait_status(control, lambda status: status.current and status.version == "to 9003")

        world.publish(payments_v1=Meant(snapshot_to(9009)))
        await proxy.expect_nothing()
    await wait_no_proxy(control)


async def test_a_refusal_is_shown_with_its_reason_until_it_is_settled(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    identity, node = reviews(world)
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        proxy = Proxy(stream, mirror)
        await proxy.take()
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        await proxy.refuse(await proxy.next(), "address 127.0.0.1:80 is taken")
        status = await wait_status(control, lambda status: bool(status.refused_reason))
        assert (status.version, status.refused_version) == ("to 9001", "to 9003")
        assert status.refused_reason == "address 127.0.0.1:80 is taken"
        assert status.last_refusal is not None
        assert status.last_refusal.at > 0
        assert not status.current
        assert "refused version to 9003 and serves on with version to 9001: address 127.0.0.1:80 is taken" in log.text
        await proxy.expect_nothing()

        world.publish(reviews_v1=Meant(snapshot_to(9001)))
        await proxy.take()
        settled = await wait_status(control, lambda status: status.current)
        assert settled.refused_reason == ""
        assert settled.last_refusal == status.last_refusal


async def test_who_comes_back_unchanged_gets_nothing_even_from_another_control(world: MeshWorld, thread: AsyncioThread) -> None:
    identity, node = reviews(world)
    mirror = Mirror("", {})
    async with open_control(world) as control, open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        await Proxy(stream, mirror).take()
    async with open_control(world) as control:
        async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
            proxy = Proxy(stream, mirror)
            await wait_status(control, lambda status: status.current and status.version == "to 9001")
            await proxy.expect_nothing()
            world.publish(reviews_v1=Meant(snapshot_to(9004)))
            assert (await proxy.take()).version == "to 9004"
        world.publish(reviews_v1=Meant(snapshot_to(9005)))
        async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
            assert (await Proxy(stream, mirror).take()).version == "to 9005"


async def test_since_when_a_configuration_is_in_force_outlives_streams(
    world: MeshWorld, control: Control, thread: AsyncioThread
) -> None:
    identity, node = reviews(world)
    node.user_agent_name, node.user_agent_version = "hauberk", "0.1.0"
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        waiting = await wait_status(control, lambda status: status.program == "hauberk 0.1.0")
        assert waiting.in_force_since == 0.0
        await Proxy(stream, mirror).take()
        taken = await wait_status(control, lambda status: status.current)
        assert taken.in_force_since >= taken.connected_since
    await wait_no_proxy(control)

    node.metadata.fields[IN_FORCE_FIELD].number_value = 1234.5
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        back = await wait_status(control, lambda status: status.current)
        assert back.in_force_since == 1234.5
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        await Proxy(stream, mirror).take()
        changed = await wait_status(control, lambda status: status.version == "to 9003")
        assert changed.in_force_since >= back.connected_since


async def test_a_proxy_that_does_not_answer_holds_up_nobody_and_gets_the_latest(
    world: MeshWorld, control: Control, thread: AsyncioThread
) -> None:
    slow_mirror, mirror = Mirror("", {}), Mirror("", {})
    slow_identity, slow_node = reviews(world)
    async with (
        open_stream(thread, control.address, slow_identity, slow_mirror.greet(slow_node)) as slow_stream,
        open_stream(
            thread, control.address, world.identity("payments"), mirror.greet(node_message(node_document("payments-v1")))
        ) as stream,
    ):
        slow, proxy = Proxy(slow_stream, slow_mirror), Proxy(stream, mirror)
        unanswered = await slow.next()
        await proxy.take()
        for port in range(1, 30):
            world.publish(reviews_v1=Meant(snapshot_to(port)), payments_v1=Meant(snapshot_to(port)))
            assert (await proxy.take()).version == f"to {port}"
        await slow.accept(unanswered)
        assert (await slow.take()).version == "to 29"


async def test_a_translation_that_fails_costs_the_others_nothing(
    world: MeshWorld, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    async with open_control(world) as control:
        mirror = Mirror("", {})
        identity, node = reviews(world)
        async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
            proxy = Proxy(stream, mirror)
            await proxy.take()
            world.configurations.publish({"reviews-v1": None})  # type: ignore[dict-item]  # what translation does not expect
            # A store that comes too soon after it would keep it from being translated at all.
            await eventually(lambda: "no configuration could be made for sidecar reviews-v1" in log.text)
            await proxy.expect_nothing()
            world.publish(reviews_v1=Meant(snapshot_to(9003)))
            assert (await proxy.take()).version == "to 9003"


async def test_a_configuration_that_is_too_large_is_told_and_not_sent(
    world: MeshWorld, control: Control, thread: AsyncioThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "LARGEST_RESPONSE", 10_000)
    identity, node = reviews(world)
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        proxy = Proxy(stream, mirror)
        await proxy.take()
        world.publish(reviews_v1=Meant(snapshot_to(9003, routes=500)))
        status = await wait_status(control, lambda status: bool(status.refused_reason))
        assert "octets" in status.refused_reason
        await proxy.expect_nothing()


async def test_a_stream_ends_with_the_certificate_it_was_opened_with(world: MeshWorld, thread: AsyncioThread) -> None:
    identity, node = reviews(world)
    # By control's clock only: however long the handshake takes, the certificate is good for that.
    async with open_control(world, clock=lambda: identity.not_after - 0.2) as control:
        reason = await expect_refused(thread, control, identity, node, Mirror("x", {}))
    assert "the client certificate has ended" in reason


# A proxy asks for what is not its own.


async def test_another_ones_name_is_refused(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    reason = await expect_refused(thread, control, world.identity("reviews"), node_message(node_document("payments-v1")))

    assert "PERMISSION_DENIED" in reason
    assert "claims to be the workload 'payments-v1'" in reason
    assert "spiffe://mesh.test/ns/default/sa/reviews" in log.text
    assert "is refused" in log.text


@pytest.mark.parametrize(
    "document",
    [
        node_document("reviews-v1", namespace="bank"),
        node_document("reviews-v1", identity="spiffe://mesh.test/ns/default/sa/payments"),
        node_document("default/front", role="gateway"),
        node_document("default/back", role="gateway"),
    ],
)
async def test_another_ones_configuration_is_refused(
    document: dict[str, object], world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    reason = await expect_refused(thread, control, world.identity("reviews"), node_message(document))

    assert "PERMISSION_DENIED" in reason
    assert "is refused" in log.text


async def test_another_gateways_configuration_is_refused(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    node = node_message(node_document("default/back", role="gateway"))
    reason = await expect_refused(thread, control, world.identity("front-hauberk"), node)

    assert "PERMISSION_DENIED" in reason
    assert "is refused" in log.text


async def test_another_ones_secrets_are_not_sent(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    for name in ("front", "back"):
        world.publish(**{f"default/{name}": Meant(_secure(name), {"front": world.pem("a"), "back": world.pem("b")})})
    mirror = Mirror("", {})
    identity = world.identity("front-hauberk")
    node = node_message(node_document("default/front", role="gateway"))
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        proxy = Proxy(stream, mirror)
        own = await proxy.take()
        assert {name for name in own.resources if name.startswith("certificate/")} == {"certificate/front"}
        await stream.send(DeltaDiscoveryRequest(type_url=CONFIGURATION_TYPE, resource_names_subscribe=["certificate/back"]))
        with trio.fail_after(PATIENCE):
            response = await stream.receive()
        assert not response.resources
        assert list(response.removed_resources) == ["certificate/back"]
    assert "front-hauberk asks for resources that it is not meant to have: 'certificate/back'" in log.text


async def test_somebody_else_in_the_middle_of_a_stream_is_refused(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    identity, node = reviews(world)
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        await Proxy(stream, mirror).take()
        await stream.send(DeltaDiscoveryRequest(type_url=CONFIGURATION_TYPE, node=node_message(node_document("payments-v1"))))
        with trio.fail_after(PATIENCE), pytest.raises(StreamEnded, match="PERMISSION_DENIED") as caught:
            await stream.receive()
    assert caught.value.refused
    assert "is refused" in log.text


async def test_a_certificate_of_another_authority_gets_nobody_in(
    world: MeshWorld, control: Control, thread: AsyncioThread, tmp_path: Path
) -> None:
    stranger = MeshWorld(tmp_path / "other-ca").identity("reviews")
    forged = WorkloadIdentity(
        certificate_pem=stranger.certificate_pem,
        key_pem=stranger.key_pem,
        trust_pem=world.identity("reviews").trust_pem,
        spiffe_id=stranger.spiffe_id,
        obtained=stranger.obtained,
        not_after=stranger.not_after,
    )
    with trio.fail_after(PATIENCE), pytest.raises(StreamEnded):
        async with open_stream(thread, control.address, forged, Mirror("", {}).greet(reviews(world)[1])) as stream:
            await stream.receive()
    assert control.service.proxies() == []


async def test_a_gateway_that_is_not_there_yet_is_told_so(world: MeshWorld, control: Control, thread: AsyncioThread) -> None:
    node = node_message(node_document("default/later", role="gateway"))
    assert "NOT_FOUND" in await expect_refused(thread, control, world.identity("later-hauberk"), node)


async def test_requests_against_the_protocol_end_the_stream(
    world: MeshWorld, control: Control, thread: AsyncioThread, log: pytest.LogCaptureFixture
) -> None:
    identity, node = reviews(world)
    for first in (
        DeltaDiscoveryRequest(type_url=CONFIGURATION_TYPE),
        DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.config.cluster.v3.Cluster", node=node),
    ):
        with trio.fail_after(PATIENCE), pytest.raises(StreamEnded, match="INVALID_ARGUMENT"):
            async with open_stream(thread, control.address, identity, first) as stream:
                await stream.receive()
    assert log.text.count("is refused") == 2


async def _say_nothing(address: str, identity: WorkloadIdentity) -> grpc.StatusCode:
    credentials = grpc.ssl_channel_credentials(identity.trust_pem, identity.key_pem, identity.certificate_pem)
    async with grpc.aio.secure_channel(address, credentials, channel_options()) as channel:
        call = channel.stream_stream(METHOD_PATH)()
        code: grpc.StatusCode = await call.code()
        return code


async def test_who_says_nothing_is_not_kept(
    world: MeshWorld, control: Control, thread: AsyncioThread, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_module, "FIRST_REQUEST_SECONDS", 0.1)
    with trio.fail_after(PATIENCE):
        code = await thread.run(_say_nothing, control.address, world.identity("reviews"))

    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "no request within" in log.text


async def test_refusals_do_not_fill_the_log(
    world: MeshWorld, control: Control, thread: AsyncioThread, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control.service, "_lines", Rate(0.0, 5, lambda: 0.0))
    identity, node = world.identity("reviews"), node_message(node_document("payments-v1"))
    for _ in range(20):
        await expect_refused(thread, control, identity, node)
    assert log.text.count("is refused") == 5


@pytest.mark.parametrize("bound", ["MOST_STREAMS_AN_IDENTITY", "MOST_STREAMS_A_POD"])
async def test_streams_of_one_identity_and_of_one_pod_are_bounded(
    world: MeshWorld, control: Control, thread: AsyncioThread, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(service_module, bound, 1)
    identity, node = world.identity("reviews"), node_message(node_document("reviews-v1", pod="reviews-v1"))
    mirror = Mirror("", {})
    async with open_stream(thread, control.address, identity, mirror.greet(node)) as stream:
        await Proxy(stream, mirror).take()
        with trio.fail_after(PATIENCE), pytest.raises(StreamEnded, match="RESOURCE_EXHAUSTED"):
            async with open_stream(thread, control.address, identity, Mirror("", {}).greet(node)) as second:
                await second.receive()


async def test_a_hundred_proxies_hear_of_a_change_and_come_back_to_another_control_unchanged(
    world: MeshWorld, thread: AsyncioThread
) -> None:
    names = [f"load-{number}" for number in range(100)]
    identities = {name: world.identity(name) for name in names}
    mirrors = {name: Mirror("", {}) for name in names}
    world.publish(**{name: Meant(snapshot_to(1)) for name in names})
    waiting = len(names)
    all_ready = trio.Event()
    changed = 0

    async def run(control: Control, name: str) -> None:
        nonlocal waiting, changed
        mirror = mirrors[name]
        node = node_message(node_document(name))
        with trio.fail_after(2 * PATIENCE):
            async with open_stream(thread, control.address, identities[name], mirror.greet(node)) as stream:
                proxy = Proxy(stream, mirror)
                await proxy.accept(mirror.receive(await stream.receive()))
                waiting -= 1
                if waiting == 0:
                    all_ready.set()
                second = mirror.receive(await stream.receive())
                assert second.version == "to 2"
                changed += 1
                await proxy.accept(second)

    async with open_control(world) as control, trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(run, control, name)
        await all_ready.wait()
        world.publish(**{name: Meant(snapshot_to(2)) for name in names})
    assert changed == 100

    async def come_back(control: Control, name: str) -> None:
        mirror = mirrors[name]
        node = node_message(node_document(name))
        async with open_stream(thread, control.address, identities[name], mirror.greet(node)) as stream:
            response = await stream.receive()
            pytest.fail(f"{name} was sent {response}")

    async with open_control(world) as control, trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(come_back, control, name)
        with trio.fail_after(2 * PATIENCE):
            while sum(status.current for status in control.service.proxies()) < len(names):  # noqa: ASYNC110 - it has no events
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


def _secure(name: str) -> Snapshot:
    chain = FilterChain(route_table="all", transport=TransportConfig(security="tls", certificates=(name,)))
    plain = snapshot_to(1)
    return Snapshot(
        version=name,
        listeners={"tls": Listener(address=":8443", filter_chains=(chain,))},
        route_tables=plain.route_tables,
        clusters=plain.clusters,
        certificates={name: Certificate(chain_file="x", key_file="x")},
        access_log=None,
    )
