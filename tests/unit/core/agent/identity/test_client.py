"""The agent's side against the real authority, over gRPC and TLS on loopback."""

import datetime as dt
import itertools
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import trio
from live_authority import REVIEWS, LiveAuthority, live_authority, plain_request
from programs import free_port

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import Authority
from hauberk_control.ca.service import Limits
from hauberk_control.ca.tokens import Grant, JoinTokens
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity import keep
from hauberk_core.agent.identity.client import CertificateDenied, CertificateUnavailable, GrpcCertificateClient
from hauberk_core.agent.identity.keep import IdentitySettings, keep_identity
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.identity import SpiffeId


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    async with open_asyncio_thread() as thread:
        yield thread


@pytest.fixture
async def live(thread: AsyncioThread, tmp_path: Path) -> AsyncIterator[LiveAuthority]:
    async with live_authority(thread, tmp_path / "ca") as live:
        yield live


def client_of(live: LiveAuthority) -> GrpcCertificateClient:
    return GrpcCertificateClient(live.thread, live.control, live.join)


def settings_of(live: LiveAuthority, folder: Path, identity: SpiffeId = REVIEWS, seconds: int = 0) -> IdentitySettings:
    return IdentitySettings(
        spiffe_id=identity,
        role="sidecar",
        name="reviews-v1",
        root_pem=live.authority.trust_pem(),
        state_folder=folder,
        join_token=live.tokens.make(Grant(identity, "sidecar", "reviews-v1")),
        validity_seconds=seconds,
    )


class Renewals:
    """The identities that an agent had, one after the other."""

    def __init__(self) -> None:
        self.seen: list[WorkloadIdentity] = []
        self._changed = trio.Event()

    def __call__(self, identity: WorkloadIdentity) -> None:
        self.seen.append(identity)
        self._changed.set()
        self._changed = trio.Event()

    async def reached(self, count: int) -> None:
        """Wait until there were so many."""
        while len(self.seen) < count:
            await self._changed.wait()


class AheadClock:
    """The clock of authority and agents: the machine's, and ahead of it by what a test says. TLS goes by the machine's own, and
    bears as much as a certificate's beginning is dated back.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        return time.time() + self.ahead

    def moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.seconds(), dt.UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> AheadClock:
    # A clock that is set is noticed by looking at it.
    monkeypatch.setattr(keep, "_LOOK_SECONDS", 0.02)
    return AheadClock()


async def test_certificates_follow_each_other_without_a_gap(thread: AsyncioThread, clock: AheadClock, tmp_path: Path) -> None:
    renewals = Renewals()
    async with live_authority(thread, tmp_path / "ca", now=clock.moment) as live:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                settings = settings_of(live, tmp_path / "state", seconds=30)
                nursery.start_soon(keep_identity, settings, client_of(live), renewals, None, clock.seconds)
                for number in range(1, 5):
                    await renewals.reached(number)
                    # Beyond the half of a life, wherever chance puts the renewal.
                    clock.ahead += 18.5 if number < 4 else 0.0
                nursery.cancel_scope.cancel()

    for before, after in itertools.pairwise(renewals.seen):
        assert before.obtained < after.obtained < before.not_after
    assert live.service.issued >= 4
    assert live.service.refused == {}


async def test_control_answers_with_its_clock(live: LiveAuthority) -> None:
    answer = await client_of(live).join(plain_request(), 0, {}, live.token(), live.authority.trust_pem())

    assert answer.control_clock is not None
    assert abs(answer.control_clock - time.time()) < 20
    assert len(answer.certificates) == 2


async def test_a_refusal_is_told_apart_from_an_outage(live: LiveAuthority) -> None:
    client = client_of(live)
    root = live.authority.trust_pem()
    with pytest.raises(CertificateDenied, match=r"UNAUTHENTICATED.*have a new one made"):
        await client.join(plain_request(), 0, {}, "hbj_" + "A" * 12 + "." + "A" * 43, root)
    with pytest.raises(CertificateDenied, match="PERMISSION_DENIED"):
        await client.join(plain_request(), 0, {"Namespace": "bank"}, live.token(), root)
    port = free_port()
    nobody = GrpcCertificateClient(live.thread, f"127.0.0.1:{port}", f"127.0.0.1:{port}")
    with pytest.raises(CertificateUnavailable, match="UNAVAILABLE"):
        await nobody.join(plain_request(), 0, {}, live.token(), root)


async def test_a_control_of_another_root_gets_no_token(live: LiveAuthority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "cluster.local")
    token = live.token()

    with pytest.raises(CertificateUnavailable, match="does not lead to the root we know"):
        await client_of(live).join(plain_request(), 0, {}, token, other.trust_pem())

    assert live.tokens.look(token).identity == REVIEWS


async def test_a_workload_that_poses_as_control_gets_no_token(live: LiveAuthority, tmp_path: Path) -> None:
    """Its certificate leads to the right root, and names a workload."""
    key = make_key()
    issued = live.authority.sign_workload(key.public_key(), REVIEWS, dt.timedelta(hours=1))
    credentials = grpc.ssl_server_credentials([(write_key(key), "".join(issued.chain).encode())])
    async with open_grpc_server(live.thread, [live.service.handler()], ("127.0.0.1", 0), credentials) as server:
        posing = GrpcCertificateClient(live.thread, server.address, server.address)
        with pytest.raises(CertificateUnavailable):
            await posing.join(plain_request(), 0, {}, live.token(), live.authority.trust_pem())

    assert live.service.issued == 0


async def test_cancelling_a_call_leaves_nothing_behind(thread: AsyncioThread) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with trio.move_on_after(0.2) as scope:
            await GrpcCertificateClient(thread, address, address).join(plain_request(), 0, {}, "x", b"")
    assert scope.cancelled_caught


async def test_fifty_agents_outlive_a_restart_of_control(thread: AsyncioThread, clock: AheadClock, tmp_path: Path) -> None:
    """All renew while control is away; when it is back, it signs for so many a second and no more, and all recover."""
    seconds, count = 90, 50
    limits = Limits(per_second=40, at_once=20, per_second_each=40, at_once_each=20)
    tokens = JoinTokens(time.monotonic)
    agents = [Renewals() for _ in range(count)]
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            async with live_authority(thread, tmp_path / "ca", limits=limits, tokens=tokens, now=clock.moment) as live:
                ports = tuple([int(address.rpartition(":")[2]) for address in (live.control, live.join)])
                for number, agent in enumerate(agents):
                    identity = SpiffeId("cluster.local", "shop", f"reviews-{number}")
                    settings = settings_of(live, tmp_path / f"state-{number}", identity, seconds)
                    nursery.start_soon(keep_identity, settings, client_of(live), agent, None, clock.seconds)
                for agent in agents:
                    await agent.reached(1)
            before = [len(agent.seen) for agent in agents]
            # All are due, and have time for some tries yet.
            clock.ahead = 55.0
            await trio.sleep(1.0)
            async with live_authority(
                thread, tmp_path / "ca", limits=limits, tokens=tokens, now=clock.moment, ports=(ports[0], ports[1])
            ) as again:
                begin = trio.current_time()
                for agent, had in zip(agents, before, strict=True):
                    await agent.reached(had + 1)
                took = trio.current_time() - begin
                issued = again.service.issued
                nursery.cancel_scope.cancel()
    for agent in agents:
        for old, new in itertools.pairwise(agent.seen):
            assert new.obtained < old.not_after
    assert issued >= count
    assert issued <= limits.at_once + limits.per_second * (took + 1)
