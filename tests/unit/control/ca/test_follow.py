import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from eventually import eventually

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.follow import follow_authority
from hauberk_control.ca.roots import ROOT_LIFETIME, make_root
from hauberk_core.agent.identity.svid import read_pem

HOUR = dt.timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time


def roots(authority: Authority) -> int:
    return len(read_pem(authority.trust_pem()).certificates)


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0.05)


@pytest.fixture
def wall() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, wall: Clock) -> Authority:
    return Authority(tmp_path / "ca", "cluster.local", HOUR, wall)


async def test_a_root_that_another_process_announced_is_taken_up(clock: Any, authority: Authority, wall: Clock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_authority, authority)
        await trio.sleep(10)
        assert roots(authority) == 1
        make_root(authority.folder, "cluster.local", wall.time)
        await trio.sleep(10)
        # The files are read in a thread, for which this clock does not wait.
        await eventually(lambda: roots(authority) == 2)
        nursery.cancel_scope.cancel()


async def test_wrong_files_are_told_once_and_change_nothing(
    clock: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    before = authority.trust_pem()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_authority, authority)
        await trio.sleep(1)
        (authority.folder / "ca-cert.pem").write_text("half a certificate")
        await trio.sleep(20)
        await eventually(lambda: "stays in use" in caplog.text)
        await trio.sleep(20)
        assert len([record for record in caplog.records if "stays in use" in record.getMessage()]) == 1
        assert authority.trust_pem() == before
        nursery.cancel_scope.cancel()


async def test_a_root_gets_its_successor_in_time(clock: Any, authority: Authority, wall: Clock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_authority, authority)
        await trio.sleep(10)
        wall.time += ROOT_LIFETIME - dt.timedelta(days=364)
        assert roots(authority) == 1
        clock.jump(86_400)
        await trio.sleep(10)
        # The files are read in a thread, for which this clock does not wait.
        await eventually(lambda: roots(authority) == 2)
        nursery.cancel_scope.cancel()
