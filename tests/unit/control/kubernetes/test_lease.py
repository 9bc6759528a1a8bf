"""Who leads: one at a time, another when it dies, at once when it leaves."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
import trio
from eventually import eventually
from kube_api import Asked, KubeApi, Reply

from hauberk_control.kubernetes import lease as module
from hauberk_control.kubernetes.lease import Lease
from hauberk_control.kubernetes.objects import Objects

PATH: Final = "/apis/coordination.k8s.io/v1/namespaces/hauberk-system/leases/hauberk-control"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    # A machine that stands still for a moment deposes nobody, and lets who leaves give the lease back.
    monkeypatch.setattr(module, "LEASE_SECONDS", 90.0)
    monkeypatch.setattr(module, "RENEW_SECONDS", 60.0)
    monkeypatch.setattr(module, "_FAREWELL_SECONDS", 60.0)


class Work:
    """What only the leader does."""

    def __init__(self) -> None:
        self.running = 0
        self.begun = 0

    async def run(self) -> None:
        self.begun += 1
        self.running += 1
        try:
            await trio.sleep_forever()
        finally:
            self.running -= 1


@contextlib.asynccontextmanager
async def replica(api: KubeApi, name: str, work: Work) -> AsyncIterator[Lease]:
    lease = Lease(Objects(api.client()), "hauberk-system", "hauberk-control", name, lambda: 0.5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lease.run, work.run)
        yield lease
        nursery.cancel_scope.cancel()


async def test_one_leads_and_the_next_when_it_leaves() -> None:
    api = KubeApi()
    first, second = Work(), Work()
    async with api.serving():
        async with replica(api, "a", first) as leading:
            await eventually(lambda: first.running == 1)
            async with replica(api, "b", second):
                assert leading.leading
                await api.wait_asked("GET", "/leases/", 8)
                assert second.running == 0
        assert api.objects[PATH]["spec"]["holderIdentity"] == ""
        async with replica(api, "b", second) as leading:
            await eventually(lambda: second.running == 1)
            assert leading.leading
            assert api.objects[PATH]["spec"]["holderIdentity"] == "b"
            assert api.objects[PATH]["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_dies_is_replaced() -> None:
    api = KubeApi()
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 1, "renewTime": "2026-01-01T00:00:00Z", "leaseTransitions": 7}
    api.put("coordination.k8s.io/v1", "leases", "hauberk-control", "hauberk-system", spec=spec)
    work = Work()
    async with api.serving(), replica(api, "b", work):
        await eventually(lambda: work.running == 1)
        assert api.objects[PATH]["spec"]["leaseTransitions"] == 8
        # It is good for so long from when it was seen first, whatever its own clock says.
        assert len([one for one in api.asked if one.method == "GET" and one.path == PATH]) > 3


async def test_several_that_come_at_once_have_one_leader() -> None:
    api = KubeApi()
    works = [Work() for _ in range(5)]
    async with api.serving(), contextlib.AsyncExitStack() as stack:
        for number, work in enumerate(works):
            await stack.enter_async_context(replica(api, str(number), work))
        await eventually(lambda: sum(work.running for work in works) == 1)
        await api.wait_asked("GET", "/leases/", 40)
        assert sum(work.running for work in works) == 1


async def test_a_leader_that_cannot_renew_stops_and_leads_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.5)
    api = KubeApi()
    work = Work()
    away = False

    def script(asked: Asked) -> Reply | None:
        return Reply(500, b"{}") if away and "/leases" in asked.path else None

    api.script = script
    async with api.serving(), replica(api, "a", work):
        await eventually(lambda: work.running == 1)
        away = True
        await eventually(lambda: work.running == 0)
        reigns = work.begun
        away = False
        await eventually(lambda: work.begun > reigns and work.running == 1)


async def test_a_lease_that_somebody_took_ends_our_work() -> None:
    api = KubeApi()
    work = Work()
    async with api.serving(), replica(api, "a", work):
        await eventually(lambda: work.running == 1)
        api.put("coordination.k8s.io/v1", "leases", "hauberk-control", "hauberk-system", spec={"holderIdentity": "thief"})
        await eventually(lambda: work.running == 0)
