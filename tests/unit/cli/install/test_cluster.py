"""Installing into a cluster, against an API server on loopback."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kube_api import KubeApi

from hauberk_cli.install.cluster import Done, HelmOwns, apply_all, changes, delete_all, refuse_helms
from hauberk_control.kubernetes.objects import Objects

NAMESPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh"}}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "control", "namespace": "mesh"},
    "spec": {"ports": [{"port": 1}]},
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "control", "namespace": "mesh"},
    "spec": {"replicas": 1},
}


@contextlib.asynccontextmanager
async def _cluster() -> AsyncIterator[tuple[KubeApi, Objects]]:
    async with KubeApi().serving() as api:
        client = api.client()
        yield api, Objects(client)
        client.close()


async def test_everything_is_applied_in_its_order_and_told() -> None:
    async with _cluster() as (api, objects):
        told = [done async for done in apply_all(objects, [NAMESPACE, SERVICE])]
        assert told == [Done("Namespace", "mesh", "created"), Done("Service", "mesh/control", "created")]
        assert "/api/v1/namespaces/mesh/services/control" in api.objects
        changed = {**SERVICE, "spec": {"ports": [{"port": 2}]}}
        assert [done.what async for done in apply_all(objects, [changed])] == ["configured"]


async def test_what_would_change_is_told_and_nothing_changes() -> None:
    async with _cluster() as (api, objects):
        _ = [done async for done in apply_all(objects, [SERVICE])]
        before = dict(api.objects)
        changed = {**SERVICE, "spec": {"ports": [{"port": 2}]}}
        told = [done async for done in changes(objects, [NAMESPACE, SERVICE, changed])]
        assert told == [Done("Namespace", "mesh", "would be created"), Done("Service", "mesh/control", "would be changed")]
        assert api.objects == before


async def test_everything_is_removed_the_last_first() -> None:
    async with _cluster() as (api, objects):
        for one in (NAMESPACE, SERVICE):
            path = {"Namespace": "namespaces", "Service": "services"}[one["kind"]]
            api.put("v1", path, one["metadata"]["name"], one["metadata"].get("namespace", ""))
        told = [done async for done in delete_all(objects, [NAMESPACE, SERVICE, DEPLOYMENT])]
        assert told == [Done("Service", "mesh/control", "deleted"), Done("Namespace", "mesh", "deleted")]
        assert api.objects == {}


async def test_an_installation_of_helms_is_left_to_helm() -> None:
    async with _cluster() as (api, objects):
        api.put("apps/v1", "deployments", "control", "mesh", metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}})
        with pytest.raises(HelmOwns, match="mesh/control"):
            await refuse_helms(objects, [SERVICE, DEPLOYMENT])
