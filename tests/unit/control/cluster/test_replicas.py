"""Replicas tell the one that leads what they know of their proxies."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import trio
from eventually import eventually
from kube_api import KubeApi

from hauberk_control.cluster.replicas import MOST_TOLD, Replicas
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.store import ObjectKey
from hauberk_control.translate.finding import Finding
from hauberk_control.translate.notes import MissingPlugin, Notes
from hauberk_core.model.mistake import Mistake

KEY: Final = ObjectKey("hauberk.dev", "PluginPolicy", "shop", "a")


def proxy(name: str, role: str = "gateway", **more: object) -> ProxyStatus:
    plain = {
        "identity": "spiffe://cluster.local/ns/shop/sa/x",
        "role": role,
        "name": name,
        "namespace": "shop",
        "address": "ipv4:10.0.0.1:1",
        "plugins": {"mtls": "1"},
        "program": "hauberk",
        "connected_since": 1.0,
        "version": "v1",
        "in_force_since": 2.0,
        "current": True,
        "behind_seconds": 0.0,
        "resources": 3,
    }
    return msgspec.convert(plain | more, ProxyStatus)


class Replica:
    """One replica with proxies that a test gives it."""

    def __init__(self, api: KubeApi, name: str, *, leads: bool = False) -> None:
        self.own: list[ProxyStatus] = []
        self.leads = leads
        self.heard = 0
        client = api.client()
        place = ("hauberk-system", "default", name)
        self.replicas: Final = Replicas(
            client, Objects(client), place, lambda: self.own, lambda: self.leads, self._hear, lambda: 0.0
        )

    def _hear(self) -> None:
        self.heard += 1

    def serve(self, *proxies: ProxyStatus) -> None:
        self.own = list(proxies)
        self.replicas.wake()

    def names(self) -> list[str]:
        return [proxy.name for proxy in (*self.own, *self.replicas.elsewhere(lambda name: name != "gone"))]


@contextlib.asynccontextmanager
async def running(api: KubeApi, names: str, leading: str) -> AsyncIterator[list[Replica]]:
    """Replicas of these names, separated by blanks, of which some take themselves for the leader."""
    async with api.serving(), trio.open_nursery() as nursery:
        replicas = [Replica(api, name, leads=name in leading.split()) for name in names.split()]
        for replica in replicas:
            nursery.start_soon(replica.replicas.run)
        yield replicas
        nursery.cancel_scope.cancel()


def written(api: KubeApi) -> list[str]:
    return [path for path in api.objects if "/configmaps/hauberk-proxies-" in path]


async def test_the_leader_knows_everybodys_proxies_and_tells_nobody_its_own() -> None:
    api = KubeApi()
    api.put("v1", "pods", "b", "hauberk-system")
    async with running(api, "a b", "a") as (leader, other):
        findings = (Finding(KEY, Mistake(("spec", 1), "wrong", "mend it")),)
        notes = Notes(findings=findings, policies=frozenset({KEY}), missing=(MissingPlugin(KEY, "p", "open"),))
        told = msgspec.structs.replace(proxy("shop/edge"), notes=notes)
        leader.serve(proxy("shop/own"))
        other.serve(told, proxy("reviews", "sidecar"), proxy("ratings", "sidecar", refused_version="v2"))
        await eventually(lambda: leader.names() == ["shop/own", "shop/edge", "ratings"])
        assert leader.replicas.elsewhere(lambda _: True)[0] == told
        assert leader.heard > 0
        (path,) = written(api)
        assert api.objects[path]["metadata"]["ownerReferences"][0]["name"] == "b"
        other.serve()
        await eventually(lambda: leader.names() == ["shop/own"])


async def test_a_leader_that_leads_no_more_tells_the_next_one() -> None:
    api = KubeApi()
    async with running(api, "a b", "a b") as (first, second):
        first.serve(proxy("shop/edge"))
        await api.wait_watching(2)
        assert written(api) == []
        first.leads = False
        first.replicas.wake()
        await eventually(lambda: second.names() == ["shop/edge"])


async def test_a_replica_that_is_gone_and_one_of_another_version_say_nothing() -> None:
    api = KubeApi()
    async with running(api, "gone a", "a") as (gone, leader):
        gone.serve(proxy("shop/edge"))
        await eventually(lambda: len(leader.replicas.elsewhere(lambda _: True)) == 1)
        assert leader.names() == []
        labels = {"labels": {"hauberk.dev/proxies-of": "default"}, "annotations": {"hauberk.dev/proxies-of": "b"}}
        api.put("v1", "configmaps", "hauberk-proxies-b", "hauberk-system", metadata=labels, data={"proxies": '[{"new": 1}]'})
        gone.serve(proxy("shop/edge"), proxy("shop/back"))
        await eventually(lambda: len(leader.replicas.elsewhere(lambda _: True)) == 2)


async def test_what_did_not_change_is_not_written_again_and_there_is_a_bound() -> None:
    api = KubeApi()
    async with running(api, "b a", "a") as (other, leader):
        other.serve(*[proxy(f"shop/g{number}", behind_seconds=1.0) for number in range(MOST_TOLD + 10)])
        await eventually(lambda: len(leader.names()) == MOST_TOLD)
        writes = len([one for one in api.asked if one.method == "PATCH"])
        other.serve(*[proxy(f"shop/g{number}", behind_seconds=2.0) for number in range(MOST_TOLD + 10)])
        other.serve(*other.own[1:])
        await eventually(lambda: len([one for one in api.asked if one.method == "PATCH"]) == writes + 1)
