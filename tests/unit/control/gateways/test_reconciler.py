"""The reconciler against an API server on loopback: what it applies, what it leaves alone, what it removes, and how often."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import trio
from eventually import eventually
from kube_api import Asked, KubeApi, Reply
from resource_scenarios import store_of

from hauberk_control.gateways.reconciler import GatewayReconciler
from hauberk_control.gateways.wanted import WantedGateways, wanted_gateways
from hauberk_control.kubernetes.objects import Objects
from hauberk_control.proxy_settings import GatewaySettings, ProxySettings
from hauberk_control.translate.view import Memories, View

GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, uid: uid-edge}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
OTHER_REVISION = GATEWAY.replace("uid: uid-edge", "uid: uid-edge, labels: {istio.io/rev: next}")
WRONG_PARAMETERS = GATEWAY + "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: missing}}\n"
NAME = "edge-hauberk"
PATHS = {
    "ServiceAccount": f"/api/v1/namespaces/shop/serviceaccounts/{NAME}",
    "Service": f"/api/v1/namespaces/shop/services/{NAME}",
    "Deployment": f"/apis/apps/v1/namespaces/shop/deployments/{NAME}",
    "PodDisruptionBudget": f"/apis/policy/v1/namespaces/shop/poddisruptionbudgets/{NAME}",
}


def _wanted(text: str, settings: ProxySettings | None = None) -> WantedGateways:
    return wanted_gateways(View(store_of(text), Memories()), settings or ProxySettings())


@contextlib.asynccontextmanager
async def _working(api: KubeApi, wanted: WantedGateways) -> AsyncIterator[GatewayReconciler]:
    client = api.client()
    reconciler = GatewayReconciler(client, Objects(client), "default", lambda: 0.0)
    reconciler.update(wanted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reconciler.run)
        yield reconciler
        nursery.cancel_scope.cancel()
    client.close()


def _writes(api: KubeApi) -> list[Asked]:
    return [one for one in api.asked if one.method in ("PATCH", "DELETE", "POST", "PUT")]


async def _all_made(api: KubeApi) -> None:
    await eventually(lambda: set(PATHS.values()) <= set(api.objects))


async def test_the_objects_are_made_once() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)) as reconciler:
        await _all_made(api)
        await api.wait_watching(5)
        # The same again, and something that has nothing to do with them.
        reconciler.update(_wanted(GATEWAY))
        api.put("v1", "services", "beside", "shop", spec={"ports": []})
        reconciler.update(_wanted(GATEWAY.replace("port: 80", "port: 81")))
        await eventually(lambda: api.objects[PATHS["Service"]]["spec"]["ports"][0]["port"] == 81)
        applied = [one.path for one in _writes(api)]
        assert applied[:4] == [PATHS["ServiceAccount"], PATHS["Service"], PATHS["Deployment"], PATHS["PodDisruptionBudget"]]
        assert applied.count(PATHS["ServiceAccount"]) == 1
        assert all(one.method == "PATCH" for one in _writes(api))


async def test_what_is_deleted_comes_back_and_what_is_changed_is_mended() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)):
        await _all_made(api)
        await api.wait_watching(5)
        api.remove("apps/v1", "deployments", NAME, "shop")
        await _all_made(api)
        changed = api.objects[PATHS["Deployment"]]
        before = changed["spec"]
        api.put("apps/v1", "deployments", NAME, "shop", metadata=changed["metadata"], spec={"template": "mine"})
        await eventually(lambda: api.objects[PATHS["Deployment"]]["spec"] == before)


async def test_what_no_gateway_asks_for_any_more_is_removed() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)) as reconciler:
        await _all_made(api)
        await api.wait_watching(5)
        reconciler.update(_wanted(GATEWAY.replace("Class" + "Name: hauberk", "Class" + "Name: istio")))
        await eventually(lambda: not set(PATHS.values()) & set(api.objects))
        assert PATHS["Deployment"].replace(NAME, "edge-istio") in api.objects


async def test_a_gateway_with_wrong_parameters_keeps_what_it_has() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)) as reconciler:
        await _all_made(api)
        await api.wait_watching(5)
        both = WRONG_PARAMETERS + GATEWAY.replace("name: edge", "name: marker")
        reconciler.update(_wanted(both))
        await eventually(lambda: PATHS["PodDisruptionBudget"].replace("edge", "marker") in api.objects)
        assert set(PATHS.values()) <= set(api.objects)


async def test_a_gateway_of_another_revision_is_left_to_that() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)) as reconciler:
        await _all_made(api)
        await api.wait_watching(5)
        reconciler.update(_wanted(OTHER_REVISION + GATEWAY.replace("name: edge", "name: marker")))
        await eventually(lambda: PATHS["PodDisruptionBudget"].replace("edge", "marker") in api.objects)
        assert set(PATHS.values()) <= set(api.objects)


async def test_an_object_of_somebody_elses_is_not_touched() -> None:
    async with KubeApi().serving() as api:
        api.put("v1", "services", NAME, "shop", spec={"mine": True})
        async with _working(api, _wanted(GATEWAY)):
            await eventually(lambda: PATHS["PodDisruptionBudget"] in api.objects)
            assert api.objects[PATHS["Service"]]["spec"] == {"mine": True}


async def test_an_api_server_that_refuses_is_asked_again_after_a_pause() -> None:
    refused: list[Asked] = []

    def script(asked: Asked) -> Reply | None:
        if asked.method == "PATCH" and asked.path == PATHS["Service"] and len(refused) < 2:
            refused.append(asked)
            return Reply(403, b'{"kind":"Status","message":"a quota"}')
        return None

    async with KubeApi().serving() as api:
        api.script = script
        async with _working(api, _wanted(GATEWAY)):
            await _all_made(api)
    assert len(refused) == 2


async def test_replicas_are_left_to_an_autoscaler() -> None:
    settings = ProxySettings(gateways=GatewaySettings(replicas=3))
    target: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY, settings)):
        await _all_made(api)
        assert api.objects[PATHS["Deployment"]]["spec"]["replicas"] == 3
    async with KubeApi().serving() as api:
        api.put("autoscaling/v2", "horizontalpodautoscalers", "mine", "shop", spec={"scaleTargetRef": target, "maxReplicas": 9})
        async with _working(api, _wanted(GATEWAY, settings)):
            await _all_made(api)
            assert "replicas" not in api.objects[PATHS["Deployment"]]["spec"]
