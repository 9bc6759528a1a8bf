"""A cluster as source: kinds come and go, refusals are told, and nothing is told before all is known."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import trio
from eventually import eventually
from kube_api import KINDS, Asked, KubeApi, Reply

from hauberk_control.sources import cluster
from hauberk_control.sources.cluster import ClusterSource
from hauberk_control.sources.source import Loaded
from hauberk_control.store import ObjectKey
from hauberk_core.resources import HTTPRoute, Service
from hauberk_core.resources.registry import CORE_KINDS

GATEWAY_API = "gateway.networking.k8s.io/v1"
ROUTE = ObjectKey("gateway.networking.k8s.io", "HTTPRoute", "shop", "reviews")


@contextlib.asynccontextmanager
async def following(api: KubeApi) -> AsyncIterator[ClusterSource]:
    async with api.serving():
        client = api.client()
        source = ClusterSource(client, CORE_KINDS, lambda: 0.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run)
            with trio.fail_after(60):
                yield source
            nursery.cancel_scope.cancel()
        client.close()


def put_service(api: KubeApi, name: str, port: object = 80) -> None:
    api.put("v1", "services", name, "shop", spec={"ports": [{"port": port}]})


def put_route(api: KubeApi, host: str = "reviews.example") -> None:
    api.put(GATEWAY_API, "httproutes", "reviews", "shop", spec={"hostnames": [host]})


def names(loaded: Loaded, kind: type[Service] | type[HTTPRoute] = Service) -> list[str]:
    return [item.metadata.name for item in loaded.store.of(kind)]


async def test_the_first_store_has_everything() -> None:
    api = KubeApi()
    put_service(api, "ratings")
    put_service(api, "reviews")
    put_route(api)
    api.put("v1", "namespaces", "shop")
    async with following(api) as source:
        loaded = await source.next()
        assert len(loaded.store) == 4
        assert loaded.errors == ()
        put_service(api, "details")
        assert names(await source.next()) == ["details", "ratings", "reviews"]


async def test_one_kind_that_cannot_be_listed_yet_is_waited_for() -> None:
    api = KubeApi()
    put_service(api, "reviews")
    put_route(api)
    failing = True
    api.script = lambda asked: Reply(500, b"{}") if failing and asked.path.endswith("/httproutes") else None
    async with following(api) as source:
        await api.wait_asked("GET", "/httproutes", 3)
        with trio.move_on_after(0.05) as scope:
            await source.next()
        assert scope.cancelled_caught
        failing = False
        assert names(await source.next(), HTTPRoute) == ["reviews"]


async def test_a_kind_that_may_not_be_read_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_FORBIDDEN_SECONDS", 0.1)
    api = KubeApi()
    put_service(api, "reviews")
    api.script = lambda asked: Reply(403, b'{"message": "no"}') if asked.path == "/api/v1/secrets" else None
    async with following(api) as source:
        loaded = await source.next()
        assert names(loaded) == ["reviews"]
        (error,) = loaded.errors
        assert error.origin == "/api/v1/secrets"
        assert "grant control's service account get, list and watch of secrets" in error.hint


async def test_definitions_come_and_go() -> None:
    api = KubeApi()
    routes = api.served[GATEWAY_API].pop("httproutes")
    put_service(api, "reviews")
    async with following(api) as source:
        assert names(await source.next(), HTTPRoute) == []
        api.served[GATEWAY_API]["httproutes"] = routes
        put_route(api)
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", "httproutes.gateway.networking.k8s.io")
        assert names(await source.next(), HTTPRoute) == ["reviews"]
        del api.served[GATEWAY_API]["httproutes"]
        api.remove("apiextensions.k8s.io/v1", "customresourcedefinitions", "httproutes.gateway.networking.k8s.io")
        loaded = await source.next()
        assert names(loaded, HTTPRoute) == []
        assert names(loaded) == ["reviews"]
        assert source.endpoint(ROUTE) is None


async def test_the_versions_of_gateway_api_are_known() -> None:
    api = KubeApi()

    def define(name: str, version: str = "") -> None:
        annotations = {"gateway.networking.k8s.io/bundle-version": version} if version else {}
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", name, metadata={"annotations": annotations})

    define("httproutes.gateway.networking.k8s.io", "v1.6.3")
    define("destinationrules.networking.istio.io")
    async with following(api) as source:
        await eventually(lambda: source.api_versions == {"v1.6.3"})
        define("gateways.gateway.networking.k8s.io", "v1.4.0")
        define("tlsroutes.gateway.networking.k8s.io")
        await eventually(lambda: source.api_versions == {"v1.6.3", "v1.4.0", ""})
        api.remove("apiextensions.k8s.io/v1", "customresourcedefinitions", "tlsroutes.gateway.networking.k8s.io")
        define("gateways.gateway.networking.k8s.io", "v1.6.3")
        await eventually(lambda: source.api_versions == {"v1.6.3"})


async def test_what_is_defined_but_not_served_for_a_moment_stays() -> None:
    api = KubeApi()
    put_route(api)
    put_service(api, "reviews")
    api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", "httproutes.gateway.networking.k8s.io")
    async with following(api) as source:
        await source.next()
        await api.wait_asked("GET", "/customresourcedefinitions", 2)
        routes = api.served[GATEWAY_API].pop("httproutes")
        times = len([one for one in api.asked if one.path == f"/apis/{GATEWAY_API}"])
        # Another definition changes, so that control asks what is served.
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", "gateways.gateway.networking.k8s.io")
        await api.wait_asked("GET", f"/apis/{GATEWAY_API}", times + 1)
        put_service(api, "ratings")
        loaded = await source.next()
        assert names(loaded) == ["ratings", "reviews"]
        assert names(loaded, HTTPRoute) == ["reviews"]
        api.served[GATEWAY_API]["httproutes"] = routes


async def test_another_version_takes_over_without_a_gap() -> None:
    api = KubeApi()
    kinds = dict(KINDS["networking.istio.io/v1"])
    del api.served["networking.istio.io/v1"]
    api.served["networking.istio.io/v1beta1"] = kinds
    put_service(api, "reviews")
    async with following(api) as source:
        await source.next()
        api.served["networking.istio.io/v1"] = kinds
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", "destinationrules.networking.istio.io")
        await api.wait_asked("GET", "/apis/networking.istio.io/v1/destinationrules")
        put_service(api, "ratings")
        loaded = await source.next()
        assert names(loaded) == ["ratings", "reviews"]


async def test_a_wrong_object_is_told_and_the_last_right_one_serves_on() -> None:
    api = KubeApi()
    put_route(api)
    async with following(api) as source:
        first = await source.next()
        put_route(api, "not a host")
        loaded = await source.next()
        assert loaded.store == first.store
        (error,) = loaded.errors
        assert error.message.startswith("HTTPRoute shop/reviews: ")
        assert error.path == "spec.hostnames[0]"
        assert [known.key for known in source.refused()] == [ROUTE]
        put_route(api, "other.example")
        mended = await source.next()
        assert mended.errors == ()
        assert source.refused() == []


async def test_a_status_wakes_its_writer_and_nobody_else() -> None:
    api = KubeApi()
    put_route(api)
    seen: set[ObjectKey] = set()
    async with following(api) as source:
        await source.next()
        source.watch_seen(seen.update)
        path = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/reviews"
        api.put(GATEWAY_API, "httproutes", "reviews", "shop", spec=api.objects[path]["spec"], status={"parents": []})
        await eventually(lambda: ROUTE in seen)
        known = source.known(ROUTE)
        assert known is not None
        assert known.status == b'{"parents":[]}'
        put_service(api, "ratings")
        assert names(await source.next()) == ["ratings"]


async def test_secrets_that_are_no_proxys_business_are_not_asked_for() -> None:
    api = KubeApi()
    async with following(api) as source:
        await source.next()
        asked: Asked = await api.wait_asked("GET", "/api/v1/secrets")
        assert "type!=helm.sh/release.v1" in asked.query["fieldSelector"]
