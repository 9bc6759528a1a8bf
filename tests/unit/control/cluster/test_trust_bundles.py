"""The trust bundle is in every namespace, as it is to be, and is written only where it is not."""

from typing import Final

import pytest
from eventually import eventually
from kept_in_cluster import Trust, keeping
from kube_api import KubeApi

from hauberk_control.cluster import trust_bundles
from hauberk_control.cluster.trust_bundles import TrustBundles
from hauberk_core.pod import ROOT_CONFIG_MAP, ROOT_FILE

PEM: Final = "-----BEGIN CERTIFICATE-----\n"


def bundle(api: KubeApi, namespace: str) -> str | None:
    found = api.objects.get(f"/api/v1/namespaces/{namespace}/configmaps/{ROOT_CONFIG_MAP}")
    text: str | None = found["data"].get(ROOT_FILE) if found else None
    return text


def writes(api: KubeApi) -> int:
    return len([one for one in api.asked if one.method == "PATCH"])


async def test_every_namespace_has_it_also_one_that_comes_later() -> None:
    api = KubeApi()
    for name in ("default", "shop"):
        api.put("v1", "namespaces", name)
    async with keeping(api, TrustBundles, Trust(PEM.encode())):
        await eventually(lambda: bundle(api, "default") == bundle(api, "shop") == PEM)
        api.put("v1", "namespaces", "later")
        await eventually(lambda: bundle(api, "later") == PEM)
        assert writes(api) == 3
        asked = await api.wait_asked("PATCH", "/namespaces/later/")
        assert asked.query == {"fieldManager": "hauberk", "force": "true"}


async def test_what_is_right_is_left_alone_and_what_was_changed_or_removed_is_mended() -> None:
    api = KubeApi()
    api.put("v1", "namespaces", "shop")
    api.put("v1", "configmaps", ROOT_CONFIG_MAP, "shop", data={ROOT_FILE: PEM})
    async with keeping(api, TrustBundles, Trust(PEM.encode())):
        await api.wait_watching(2)
        api.put("v1", "configmaps", ROOT_CONFIG_MAP, "shop", data={ROOT_FILE: "nonsense"})
        await eventually(lambda: bundle(api, "shop") == PEM)
        assert writes(api) == 1
        api.remove("v1", "configmaps", ROOT_CONFIG_MAP, "shop")
        await eventually(lambda: bundle(api, "shop") == PEM)
        assert writes(api) == 2


async def test_another_root_is_written_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_bundles, "_LOOK_SECONDS", 0.05)
    api = KubeApi()
    api.put("v1", "namespaces", "shop")
    trust = Trust(PEM.encode())
    async with keeping(api, TrustBundles, trust):
        await eventually(lambda: bundle(api, "shop") == PEM)
        trust.pem = b"two roots"
        await eventually(lambda: bundle(api, "shop") == "two roots")


async def test_a_namespace_that_is_ending_is_left_alone() -> None:
    api = KubeApi()
    api.put("v1", "namespaces", "ending", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    api.put("v1", "namespaces", "shop")
    async with keeping(api, TrustBundles, Trust(PEM.encode())):
        await eventually(lambda: bundle(api, "shop") == PEM)
        assert bundle(api, "ending") is None
