"""Objects of any kind, one by one, at an API server of our own."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from kube_api import KubeApi
from programs import free_port

from hauberk_control.kubernetes.errors import ApiError
from hauberk_control.kubernetes.objects import Objects

SERVICE: Final[dict[str, Any]] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "shop"}}
PATH: Final = "/api/v1/namespaces/shop/services/a"


@contextlib.asynccontextmanager
async def opened(api: KubeApi) -> AsyncIterator[Objects]:
    async with api.serving():
        client = api.client()
        yield Objects(client)
        client.close()


async def test_an_object_is_applied_read_and_deleted() -> None:
    api = KubeApi()
    async with opened(api) as objects:
        assert await objects.get("v1", "Service", "shop", "a") is None
        stored = await objects.apply(SERVICE)
        assert stored["metadata"]["resourceVersion"]
        assert await objects.get("v1", "Service", "shop", "a") == stored
        await objects.delete("v1", "Service", "shop", "a", "its-uid")
        assert api.objects == {}
        assert (await api.wait_asked("DELETE", PATH)).json()["preconditions"] == {"uid": "its-uid"}
        # It is gone already.
        await objects.delete("v1", "Service", "shop", "a", "its-uid")
    # Where kinds are served is asked once.
    assert len([one for one in api.asked if one.path == "/api/v1"]) == 1


async def test_creating_twice_and_replacing_an_older_version_are_conflicts() -> None:
    async with opened(KubeApi()) as objects:
        first = await objects.create(SERVICE)
        with pytest.raises(ApiError) as refused:
            await objects.create(SERVICE)
        assert refused.value.status == 409
        await objects.update({**first, "spec": {"ports": []}})
        with pytest.raises(ApiError) as refused:
            await objects.update(first)
        assert refused.value.status == 409


async def test_lists_are_read_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hauberk_control.kubernetes.objects._PAGE", "2")
    api = KubeApi()
    for name in "abcde":
        api.put("v1", "services", name, "shop", metadata={"labels": {"app": "x"}})
    api.put("v1", "services", "another", "shop")
    async with opened(api) as objects:
        found = await objects.list("v1", "Service", "app=x")
        assert [item["metadata"]["name"] for item in found] == list("abcde")
        assert {item["kind"] for item in found} == {"Service"}
        assert (await api.wait_asked("GET", "/api/v1/services")).query["labelSelector"] == "app=x"


async def test_a_kind_that_is_not_served_and_a_server_that_is_away_are_errors() -> None:
    api = KubeApi(free_port())
    async with opened(api) as objects:
        with pytest.raises(ApiError, match=r"does not serve Thing of example\.com/v1"):
            await objects.get("example.com/v1", "Thing", "", "a")
    with pytest.raises(ApiError, match="cannot be asked") as refused:
        await objects.get("v1", "Service", "shop", "a")
    assert refused.value.status == 0
