"""The API server knows whose the webhook's certificate is, and the webhook knows the cluster."""

import base64
from functools import partial
from typing import Any

import pytest
from eventually import eventually
from kept_in_cluster import Trust, keeping
from kube_api import KubeApi, Reply

from hauberk_control.cluster import injection
from hauberk_control.cluster.injection import CaBundles, Namespaces, read_cluster
from hauberk_control.inject.decide import Namespace
from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.store import Store

VERSION = "admissionregistration.k8s.io/v1"
PLURAL = "mutatingwebhookconfigurations"
OURS = {"labels": {"app": "hauberk-injector", "hauberk.dev/rev": "default"}}
of_default = partial(CaBundles, "default")


def put(api: KubeApi, name: str, metadata: dict[str, Any], bundle: str = "") -> None:
    config = {"service": {"name": "hauberk-control"}, **({"caBundle": bundle} if bundle else {})}
    webhooks = [{"name": name, "clientConfig": config} for name in ("a", "b")]
    api.put(VERSION, PLURAL, name, metadata=metadata, webhooks=webhooks)


def bundles(api: KubeApi, name: str) -> list[str]:
    webhooks = api.objects[f"/apis/{VERSION}/{PLURAL}/{name}"]["webhooks"]
    return [base64.b64decode(each["clientConfig"].get("caBundle", "")).decode() for each in webhooks]


async def test_ours_get_the_roots_and_others_are_left_alone() -> None:
    api = KubeApi()
    put(api, "hauberk-injector", OURS)
    put(api, "another", {})
    put(api, "hauberk-injector-next", {"labels": {"app": "hauberk-injector", "hauberk.dev/rev": "next"}})
    async with keeping(api, of_default, Trust()):
        await eventually(lambda: bundles(api, "hauberk-injector") == ["first", "first"])
        put(api, "hauberk-injector-canary", OURS)
        await eventually(lambda: bundles(api, "hauberk-injector-canary") == ["first", "first"])
        put(api, "hauberk-injector", OURS, base64.b64encode(b"of somebody else").decode())
        await eventually(lambda: bundles(api, "hauberk-injector") == ["first", "first"])
        assert bundles(api, "another") == bundles(api, "hauberk-injector-next") == ["", ""]
        assert len([one for one in api.asked if one.method == "PATCH"]) == 3


async def test_whoever_is_no_leader_introduces_itself_where_nobody_has() -> None:
    api = KubeApi()
    put(api, "hauberk-injector", OURS)
    put(api, "hauberk-injector-unnamed", OURS, base64.b64encode(b"older").decode())
    put(api, "hauberk-injector-next", {"labels": {"app": "hauberk-injector", "hauberk.dev/rev": "next"}})
    async with api.serving():
        client = api.client()
        replica = of_default(client, Objects(client), Trust(), lambda: 0.0)
        api.script = lambda asked: Reply(500, b"{}") if asked.method == "PATCH" else None
        await replica.introduce()
        assert bundles(api, "hauberk-injector") == ["", ""]
        api.script = lambda asked: None
        await replica.introduce()
        client.close()
    assert bundles(api, "hauberk-injector") == ["first", "first"]
    assert bundles(api, "hauberk-injector-unnamed") == ["older", "older"]
    assert bundles(api, "hauberk-injector-next") == ["", ""]


async def test_another_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injection, "_LOOK_SECONDS", 0.05)
    api = KubeApi()
    put(api, "hauberk-injector", OURS)
    trust = Trust()
    async with keeping(api, of_default, trust):
        await eventually(lambda: bundles(api, "hauberk-injector") == ["first", "first"])
        trust.pem = b"second"
        await eventually(lambda: bundles(api, "hauberk-injector") == ["second", "second"])


async def test_a_configuration_that_goes_meanwhile_and_an_api_server_in_trouble() -> None:
    api = KubeApi()
    failures = iter((500, 404))
    api.script = lambda asked: Reply(status, b"{}") if asked.method == "PATCH" and (status := next(failures, 0)) else None
    put(api, "hauberk-injector", OURS)
    async with keeping(api, of_default, Trust()):
        await api.wait_asked("PATCH", "hauberk-injector", 2)
        put(api, "hauberk-injector", OURS)
        await eventually(lambda: bundles(api, "hauberk-injector") == ["first", "first"])


async def test_namespaces_and_the_version() -> None:
    api = KubeApi()
    api.put("v1", "namespaces", "shop", metadata={"labels": {"istio-injection": "enabled"}, "annotations": {"a": "b"}})
    async with api.serving():
        client = api.client()
        namespaces = Namespaces(Objects(client), Store)
        assert await namespaces.find("shop", False) == Namespace("shop", {"istio-injection": "enabled"}, {"a": "b"})
        assert await namespaces.find("none", True) is None
        assert (await read_cluster(client)).native_sidecars
        api.script = lambda asked: Reply(500, b"no JSON")
        assert await namespaces.find("shop", True) is None
        with pytest.raises(ApiError):
            await read_cluster(client)
        api.script = lambda asked: Reply(200, b"no JSON")
        with pytest.raises(ApiError, match="this is no version"):
            await read_cluster(client)
        client.close()
