"""The reconciler against an API server on loopback: what it applies, what it leaves alone, what it removes, and how often."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import trio
from eventually import eventually
from kube_api import Asked, KubeApi, Reply
from resource_scenarios import store_of

from hauberk_control.gateways.reconciler import GatewayReconciler
from hauberk_control.gateways.refusals import Refusal
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
async def _working(
    api: KubeApi, wanted: WantedGateways, tell: Callable[[], None] = lambda: None
) -> AsyncIterator[GatewayReconciler]:
    client = api.client()
    reconciler = GatewayReconciler(client, Objects(client), "default", lambda: 0.0, tell)
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


async def test_labels_and_annotations_of_ours_are_put_back_and_those_of_others_stay() -> None:
    settings = ProxySettings(gateways=GatewaySettings(annotations={"example.com/pool": "blue"}))
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY, settings)):
        await _all_made(api)
        await api.wait_watching(5)
        made = dict(api.objects[PATHS["Deployment"]])
        annotations = {"example.com/pool": "red", "deployment.kubernetes.io/revision": "7"}
        api.put(
            "apps/v1", "deployments", NAME, "shop", metadata={**made["metadata"], "annotations": annotations}, spec=made["spec"]
        )
        await eventually(lambda: api.objects[PATHS["Deployment"]]["metadata"]["annotations"]["example.com/pool"] == "blue")
        # What others add moves nobody to write.
        added = dict(api.objects[PATHS["Deployment"]])
        metadata = added["metadata"]
        metadata = {
            **metadata,
            "annotations": {**metadata["annotations"], "theirs": "1"},
            "labels": {**metadata["labels"], "a": "b"},
        }
        written = len(_writes(api))
        api.put("apps/v1", "deployments", NAME, "shop", metadata=metadata, spec=added["spec"])
        api.remove("v1", "services", NAME, "shop")
        await _all_made(api)
        assert {one.path for one in _writes(api)[written:]} == {PATHS["Service"]}
        assert api.objects[PATHS["Deployment"]]["metadata"]["annotations"]["theirs"] == "1"


async def test_an_object_that_somebody_took_our_labels_from_is_still_ours() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)):
        await _all_made(api)
        await api.wait_watching(5)
        made = api.objects[PATHS["Service"]]
        # A watch by labels tells that the object is gone.
        api.remove("v1", "services", NAME, "shop")
        bare = {"ownerReferences": made["metadata"]["ownerReferences"]}
        api.put("v1", "services", NAME, "shop", metadata=bare, spec=made["spec"])
        await eventually(lambda: "labels" in api.objects[PATHS["Service"]]["metadata"])


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
        async with _working(api, _wanted(GATEWAY)) as reconciler:
            await eventually(lambda: PATHS["PodDisruptionBudget"] in api.objects)
            assert api.objects[PATHS["Service"]]["spec"] == {"mine": True}
            await eventually(lambda: bool(reconciler.refusals))
            (refusal,) = reconciler.refusals
            assert (refusal.key.kind, refusal.key.name) == ("Service", NAME)
            assert "rename or remove" in refusal.message


async def test_an_object_of_another_controller_is_not_touched_whatever_its_labels_say() -> None:
    owner = {"apiVersion": "v1", "kind": "Thing", "name": "theirs", "uid": "uid-theirs", "controller": True}
    labels = {"app.kubernetes.io/managed-by": "hauberk"}
    async with KubeApi().serving() as api:
        api.put("v1", "services", NAME, "shop", metadata={"labels": labels, "ownerReferences": [owner]}, spec={"mine": True})
        async with _working(api, _wanted(GATEWAY)) as reconciler:
            await eventually(lambda: bool(reconciler.refusals))
            assert api.objects[PATHS["Service"]]["spec"] == {"mine": True}


async def test_an_api_server_that_refuses_is_asked_again_after_a_pause() -> None:
    refused: list[Asked] = []

    def script(asked: Asked) -> Reply | None:
        if asked.method == "PATCH" and asked.path == PATHS["Service"] and len(refused) < 2:
            refused.append(asked)
            return Reply(403, b'{"kind":"Status","message":"services is forbidden: exceeded quota: few"}')
        return None

    told: list[tuple[Refusal, ...]] = []
    async with KubeApi().serving() as api:
        api.script = script
        async with _working(api, _wanted(GATEWAY), lambda: told.append(reconciler.refusals)) as reconciler:
            await _all_made(api)
            await eventually(lambda: not reconciler.refusals)
    assert len(refused) == 2
    # Once that it is so, and once that it is over.
    (first,), nothing = told
    assert nothing == ()
    assert first.message == "403 services is forbidden: exceeded quota: few"
    assert first.is_for_want_of_resources


async def test_pods_that_are_refused_are_told() -> None:
    async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY)) as reconciler:
        await _all_made(api)
        await api.wait_watching(5)
        made = dict(api.objects[PATHS["Deployment"]])
        failure = {"type": "ReplicaFailure", "status": "True", "message": "pods are forbidden: violates PodSecurity"}
        api.put(
            "apps/v1", "deployments", NAME, "shop", metadata=made["metadata"], spec=made["spec"], status={"conditions": [failure]}
        )
        await eventually(lambda: bool(reconciler.refusals))
        (refusal,) = reconciler.refusals
        assert refusal.of_pods
        assert refusal.message == failure["message"]
        api.put("apps/v1", "deployments", NAME, "shop", metadata=made["metadata"], spec=made["spec"], status={"conditions": []})
        await eventually(lambda: not reconciler.refusals)


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


async def test_replicas_that_are_still_ours_are_handed_over_as_they_stand() -> None:
    settings = ProxySettings(gateways=GatewaySettings(replicas=3))
    target: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    owned = {"manager": "hauberk", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    scaled = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": owned["fieldsV1"]}
    for owner, expected in ((owned, 3), (scaled, None)):
        async with KubeApi().serving() as api, _working(api, _wanted(GATEWAY, settings)) as reconciler:
            await _all_made(api)
            await api.wait_watching(5)
            made = dict(api.objects[PATHS["Deployment"]])
            metadata = {**made["metadata"], "managedFields": [owner]}
            api.put(
                "autoscaling/v2", "horizontalpodautoscalers", "mine", "shop", spec={"scaleTargetRef": target, "maxReplicas": 9}
            )
            api.put("apps/v1", "deployments", NAME, "shop", metadata=metadata, spec=made["spec"])
            reconciler.update(_wanted(GATEWAY, ProxySettings(image="other:1", gateways=settings.gateways)))
            await eventually(lambda: any(b"other:1" in one.body for one in _writes(api)))
            last = [one for one in _writes(api) if one.path == PATHS["Deployment"] and b"other:1" in one.body][-1]
            assert last.json()["spec"].get("replicas") == expected
