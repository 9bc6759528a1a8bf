"""Obtaining and renewing on virtual time, with the authority in this process; `test_client.py` has the network."""

import datetime as dt
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from cryptography import x509

from hauberk_control.ca.authority import Authority
from hauberk_core.agent.identity.client import Answer, CertificateDenied, CertificateUnavailable
from hauberk_core.agent.identity.keep import IdentityFailed, IdentitySettings, NewToken, keep_identity
from hauberk_core.agent.identity.proof import JoinProof
from hauberk_core.agent.identity.state import FILE_NAME, load_identity
from hauberk_core.agent.identity.svid import PublicKey, check_chain, read_pem
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.identity import SpiffeId

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")
EPOCH = 1_800_000_000.0
HOUR = 3600.0


def now() -> float:
    return EPOCH + trio.current_time()


class FakeControl:
    """A control that can go away."""

    def __init__(self, folder: Path) -> None:
        self.clock = EPOCH
        self.authority = Authority(folder, "cluster.local", dt.timedelta(hours=1), self._time)
        self.failure: Exception | None = None
        self.calls: list[tuple[str, float]] = []
        self.claims: dict[str, str] = {}
        self.serials: list[int] = []
        self.names = REVIEWS
        self.root = b""

    def _time(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock, dt.UTC)

    async def join(self, csr: str, seconds: int, claims: dict[str, str], token: str, root_pem: bytes) -> Answer:
        self.claims = claims
        self.root = root_pem
        return await self._answer(f"join {token}", csr, seconds)

    async def renew(self, csr: str, seconds: int, claims: dict[str, str], identity: WorkloadIdentity) -> Answer:
        self.serials.append(read_pem(identity.certificate_pem).certificates[0].serial_number)
        return await self._answer("renew", csr, seconds)

    async def _answer(self, what: str, csr: str, seconds: int) -> Answer:
        await trio.lowlevel.checkpoint()
        self.calls.append((what, trio.current_time()))
        if self.failure is not None:
            raise self.failure
        self.clock = now()
        key = x509.load_pem_x509_csr(csr.encode()).public_key()
        assert isinstance(key, PublicKey)
        issued = self.authority.sign_workload(key, self.names, dt.timedelta(seconds=seconds or HOUR))
        return Answer([*issued.chain, *issued.roots], self.clock)


class Kept:
    """The identities that one agent had, with when it had them."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, WorkloadIdentity]] = []

    def __call__(self, identity: WorkloadIdentity) -> None:
        self.seen.append((trio.current_time(), identity))

    @property
    def latest(self) -> WorkloadIdentity:
        return self.seen[-1][1]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> trio.testing.MockClock:
    """Time that jumps as soon as everybody sleeps."""

    async def at_once(function: Callable[..., Any], *args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return function(*args)

    # It would jump while a thread writes a file, too.
    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)
    return trio.testing.MockClock(autojump_threshold=0)


@pytest.fixture
def control(tmp_path: Path) -> FakeControl:
    return FakeControl(tmp_path / "ca")


@pytest.fixture
def settings(control: FakeControl, tmp_path: Path) -> IdentitySettings:
    return IdentitySettings(
        spiffe_id=REVIEWS,
        role="sidecar",
        name="reviews-v1",
        root_pem=control.authority.trust_pem(),
        state_folder=tmp_path / "state",
        join_token="token-1",
    )


async def run_for(
    seconds: float,
    settings: IdentitySettings,
    control: FakeControl,
    kept: Kept,
    new_token: NewToken | None = None,
    dice: float = 0.5,
) -> None:
    with trio.move_on_after(seconds):
        await keep_identity(settings, control, kept, new_token, now, lambda: dice)


async def test_the_first_by_token_and_the_next_by_the_one_before(
    clock: Any, control: FakeControl, settings: IdentitySettings
) -> None:
    kept = Kept()
    await run_for(2 * HOUR - 60, settings, control, kept)

    assert [what for what, _ in control.calls] == ["join token-1", "renew", "renew", "renew"]
    assert control.claims == {"Namespace": "shop", "ServiceAccount": "reviews", "Role": "sidecar", "Name": "reviews-v1"}
    assert control.serials == [read_pem(each.certificate_pem).certificates[0].serial_number for _, each in kept.seen[:-1]]
    assert [round(moment / HOUR, 1) for moment, _ in kept.seen] == [0, 0.5, 1, 1.5]
    # A new key each time: what was stolen once is worth nothing after.
    assert len({identity.key_pem for _, identity in kept.seen}) == 4


async def test_short_lives_are_renewed_at_their_half(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    kept = Kept()
    await run_for(59, msgspec.structs.replace(settings, validity_seconds=10), control, kept, dice=0.9)

    gaps = [after[0] - before[0] for before, after in zip(kept.seen, kept.seen[1:], strict=False)]
    assert len(gaps) >= 8
    assert all(4 <= gap <= 6.7 for gap in gaps), gaps


async def test_it_starts_again_from_disk_without_token_and_without_control(
    clock: Any, control: FakeControl, settings: IdentitySettings
) -> None:
    first, second = Kept(), Kept()
    await run_for(60, settings, control, first)
    control.calls.clear()
    control.failure = CertificateUnavailable("away")
    await run_for(60, msgspec.structs.replace(settings, join_token=""), control, second)

    assert second.seen[0][1] == first.latest
    assert control.calls == []
    assert load_identity(settings.state_folder) == first.latest


def test_the_token_is_in_no_message(settings: IdentitySettings) -> None:
    assert "token-1" not in repr(settings) + str(settings)


async def test_started_means_that_there_is_one(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    kept = Kept()
    async with trio.open_nursery() as nursery:
        identity = await nursery.start(keep_identity, settings, control, kept, None, now)
        assert identity == kept.latest
        nursery.cancel_scope.cancel()


async def test_an_outage_is_outlived_with_the_certificate_in_use(
    clock: Any, control: FakeControl, settings: IdentitySettings, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept()

    async def outage() -> None:
        await trio.sleep(600)
        control.failure = CertificateUnavailable("connection refused")
        await trio.sleep(2400)
        assert len(kept.seen) == 1
        control.failure = None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outage)
        await run_for(HOUR, settings, control, kept)

    assert len(kept.seen) == 2
    # Back within a longest pause, and never more often than backing off allows.
    assert 3000 <= kept.seen[1][0] <= 3031
    pauses = [b[1] - a[1] for a, b in zip(control.calls[1:], control.calls[2:], strict=False)]
    assert len(pauses) < 70
    assert max(pauses) <= 31
    assert any("serves until" in record.getMessage() for record in caplog.records)


async def test_agents_come_back_one_after_another_and_not_at_one_moment(
    clock: Any, control: FakeControl, settings: IdentitySettings, tmp_path: Path
) -> None:
    """Forty that joined within a second and have missed control for half an hour."""
    dice = random.Random(7)
    agents = [Kept() for _ in range(40)]
    settings = msgspec.structs.replace(settings, join_token="token")
    with trio.move_on_after(HOUR - 60):
        async with trio.open_nursery() as nursery:
            for number, kept in enumerate(agents):
                own = msgspec.structs.replace(settings, state_folder=tmp_path / f"state-{number}")
                nursery.start_soon(keep_identity, own, control, kept, None, now, dice.random)
            await trio.sleep(1200)
            control.failure = CertificateUnavailable("connection refused")
            await trio.sleep(1800)
            while_away = len(control.calls) - 40
            control.failure = None
            back = trio.current_time()

    recovered = sorted(kept.seen[1][0] - back for kept in agents)
    assert recovered[-1] <= 31
    assert max(sum(start <= moment < start + 0.5 for moment in recovered) for start in recovered) <= 10
    # Each asked twice a minute in the end, at most.
    assert while_away < 40 * 80


async def test_one_that_ended_during_an_outage_needs_a_new_token(
    clock: Any, control: FakeControl, settings: IdentitySettings, caplog: pytest.LogCaptureFixture
) -> None:
    kept, asked = Kept(), 0

    async def new_token() -> JoinProof:
        nonlocal asked
        asked += 1
        return JoinProof(f"token-{asked + 1}", b"another root")

    async def outage() -> None:
        await trio.sleep(600)
        control.failure = CertificateUnavailable("connection refused")
        await trio.sleep(2 * HOUR)
        control.failure = None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outage)
        await run_for(3 * HOUR, settings, control, kept, new_token)

    assert len(kept.seen) >= 2
    assert asked == 1
    assert control.calls[-2][0] == "join token-2"
    assert control.root == b"another root"
    assert any("peers refuse it" in record.getMessage() for record in caplog.records)


async def test_without_a_token_it_says_what_to_do_and_goes_on_trying(
    clock: Any, control: FakeControl, settings: IdentitySettings, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept()

    async def outage() -> None:
        await trio.sleep(600)
        control.failure = CertificateUnavailable("connection refused")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outage)
        await run_for(2 * HOUR, settings, control, kept)

    assert len(kept.seen) == 1
    assert "start this proxy again with a new token" in caplog.text


async def test_control_that_is_not_there_yet_is_waited_for(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    control.failure = CertificateUnavailable("connection refused")
    kept = Kept()

    async def appear() -> None:
        await trio.sleep(5)
        control.failure = None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(appear)
        await run_for(60, settings, control, kept)

    assert 5 <= kept.seen[0][0] <= 13
    assert {what for what, _ in control.calls} == {"join token-1"}


async def test_a_refusal_at_first_contact_ends_it(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    control.failure = CertificateDenied("the join token has expired")
    with pytest.raises(IdentityFailed, match="has expired"):
        await run_for(60, settings, control, Kept())


async def test_no_token_and_no_state_ends_it(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    with pytest.raises(IdentityFailed, match="neither a valid certificate nor a join token"):
        await run_for(60, msgspec.structs.replace(settings, join_token=""), control, Kept())
    assert control.calls == []


async def test_a_certificate_for_another_is_not_taken(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    control.names = SpiffeId("cluster.local", "shop", "ratings")
    with pytest.raises(IdentityFailed, match="this workload is"):
        await run_for(60, settings, control, Kept())
    assert load_identity(settings.state_folder) is None


async def test_a_refused_renewal_leaves_the_certificate_in_use(
    clock: Any, control: FakeControl, settings: IdentitySettings
) -> None:
    kept = Kept()

    async def refuse() -> None:
        await trio.sleep(60)
        control.failure = CertificateDenied("no")
        await trio.sleep(2400)
        control.failure = None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse)
        await run_for(HOUR, settings, control, kept)

    assert len(kept.seen) == 2
    assert kept.seen[1][0] > 2460


@pytest.mark.parametrize("damage", ["text", "mode", "other", "old"])
async def test_what_was_kept_and_cannot_be_used_is_replaced(
    clock: Any, control: FakeControl, settings: IdentitySettings, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    await run_for(60, settings, control, Kept())
    path = settings.state_folder / FILE_NAME
    if damage == "text":
        path.write_bytes(b"{")
    elif damage == "mode":
        path.chmod(0o644)
    elif damage == "other":
        settings = msgspec.structs.replace(settings, spiffe_id=SpiffeId("cluster.local", "shop", "ratings"))
        control.names = settings.spiffe_id
    else:
        await trio.sleep(2 * HOUR)
    caplog.clear()
    kept = Kept()
    await run_for(60, msgspec.structs.replace(settings, join_token="token-2"), control, kept)

    assert control.calls[-1][0] == "join token-2"
    assert "a new one is asked for" in caplog.text
    assert load_identity(settings.state_folder) == kept.latest


async def test_a_state_folder_that_cannot_be_written_does_not_stop_it(
    clock: Any, control: FakeControl, settings: IdentitySettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    kept = Kept()
    await run_for(HOUR, msgspec.structs.replace(settings, state_folder=tmp_path / "file"), control, kept)

    assert len(kept.seen) == 2
    assert any(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_clock_that_jumps_ahead_is_noticed(clock: Any, control: FakeControl, settings: IdentitySettings) -> None:
    """As after a machine has slept: trio's time stood still meanwhile."""
    ahead = 0.0
    kept = Kept()

    def jumping() -> float:
        return now() + ahead

    async def wake() -> None:
        nonlocal ahead
        await trio.sleep(60)
        ahead = 0.55 * HOUR

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wake)
        with trio.move_on_after(120):
            await keep_identity(settings, control, kept, None, jumping, lambda: 0.5)

    assert len(kept.seen) == 2
    assert kept.seen[1][0] < 80


async def test_peers_trust_each_other_all_through_a_rotation(
    clock: Any, control: FakeControl, settings: IdentitySettings, tmp_path: Path
) -> None:
    """Six agents that renew at different times; at each moment, each trusts what each other presents."""
    agents = [Kept() for _ in range(6)]
    checked: set[tuple[bytes, bytes]] = set()

    async def judge() -> None:
        for moment in range(45):
            if moment == 6:
                control.clock = now()
                control.authority.rotate()
            await trio.sleep(600)
            at = dt.datetime.fromtimestamp(now(), dt.UTC)
            for one in agents:
                for other in agents:
                    assert other.latest.not_after > at.timestamp()
                    pair = other.latest.certificate_pem, one.latest.trust_pem
                    if pair not in checked:
                        checked.add(pair)
                        check_chain(read_pem(pair[0]).certificates, read_pem(pair[1]).certificates, at)

    async with trio.open_nursery() as nursery:
        for number, kept in enumerate(agents):
            own = msgspec.structs.replace(settings, state_folder=tmp_path / f"state-{number}")
            nursery.start_soon(run_for, 46 * 600, own, control, kept, None, number / 6)
        await trio.sleep(10)
        await judge()
        nursery.cancel_scope.cancel()

    assert len(checked) > 50
    issuers = {read_pem(identity.certificate_pem).certificates[0].issuer for kept in agents for _, identity in kept.seen}
    assert len(issuers) == 2
    assert {len(read_pem(kept.latest.trust_pem).certificates) for kept in agents} == {1}
