"""The writer at an API server of our own: each status once, in spite of conflicts, refusals and events of its own."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
import trio
from eventually import eventually
from kube_api import Asked, KubeApi, Reply

from hauberk_control.kubernetes.objects import Objects
from hauberk_control.sources.cluster import ClusterSource
from hauberk_control.status.conditions import ParentStatus, Status, fails, holds
from hauberk_control.status.refused import refused_status
from hauberk_control.status.writer import StatusWriter
from hauberk_control.store import ObjectKey, Store
from hauberk_control.translate.view import CONTROLLER, Memories, View
from hauberk_core.resources.gateway_api.references import ParentReference
from hauberk_core.resources.registry import CORE_KINDS

API: Final = "gateway.networking.k8s.io/v1"
GROUP: Final = "gateway.networking.k8s.io"
EDGE: Final = ObjectKey(GROUP, "Gateway", "shop", "edge")
ROUTE: Final = ObjectKey(GROUP, "HTTPRoute", "shop", "reviews")
EDGE_PATH: Final = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge"
ROUTE_PATH: Final = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/reviews"
GOOD: Final = Status(conditions=(holds("Accepted", "Accepted", 1),))
BAD: Final = Status(conditions=(fails("Accepted", "Invalid", 1, "no"),))
THEIRS: Final = {"parentRef": {"name": "x"}, "controllerName": "example.com/other", "conditions": []}


class World:
    """An API server, a source that follows it, and a writer."""

    def __init__(self, api: KubeApi) -> None:
        self.api: Final = api
        self.client: Final = api.client()
        self.source: Final = ClusterSource(self.client, CORE_KINDS, lambda: 0.0)
        self.statuses: dict[ObjectKey, Status] = {}
        self.writer: Final = StatusWriter(self.source, Objects(self.client), self.wanted, lambda: 0.0)
        self.rounds = 0
        self.store = Store()
        self.is_broken = False

    async def wanted(self) -> Mapping[ObjectKey, Status]:
        self.rounds += 1
        if self.is_broken:
            raise ZeroDivisionError("an object that nobody thought of")
        return dict(self.statuses)

    def want(self, statuses: dict[ObjectKey, Status]) -> None:
        self.statuses = statuses
        self.writer.wake()

    def writes(self) -> list[Asked]:
        return [one for one in self.api.asked if one.method == "PATCH"]

    def conditions(self, path: str = EDGE_PATH) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.objects[path].get("status", {}).get("conditions", [])
        return found

    async def look_again(self) -> None:
        """Have everything compared once more, to the end."""
        rounds = self.rounds
        self.writer.wake()
        await eventually(lambda: self.rounds > rounds)
        self.writer.wake()
        await eventually(lambda: self.rounds > rounds + 1)


@contextlib.asynccontextmanager
async def running(api: KubeApi) -> AsyncIterator[World]:
    put_gateway(api)
    async with api.serving():
        world = World(api)
        world.source.watch_seen(lambda _: world.writer.wake())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.source.run)
            world.store = (await world.source.next()).store
            nursery.start_soon(world.writer.run)
            yield world
            nursery.cancel_scope.cancel()
        world.client.close()


def put_gateway(api: KubeApi, **more: object) -> None:
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    api.put(API, "gateways", "edge", "shop", spec={"gatewayClassName": "hauberk", "listeners": listeners}, **more)


async def test_a_status_is_written_once_and_its_own_event_writes_nothing() -> None:
    async with running(KubeApi()) as world:
        world.want({EDGE: GOOD})
        await eventually(lambda: bool(world.conditions()))
        await eventually(lambda: b"Accepted" in (known.status if (known := world.source.known(EDGE)) else b""))
        await world.look_again()
        (written,) = world.writes()
        assert written.path == f"{EDGE_PATH}/status"
        assert written.query == {"fieldManager": "hauberk", "force": "true"}
        assert written.headers["content-type"] == "application/apply-patch+yaml"
        assert "resourceVersion" not in written.json()["metadata"]
        world.want({EDGE: BAD})
        await eventually(lambda: world.conditions()[0]["status"] == "False")
        assert len(world.writes()) == 2


async def test_statuses_that_cannot_be_worked_out_are_looked_at_again_when_something_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(KubeApi()) as world:
        world.is_broken = True
        world.want({EDGE: GOOD})
        await eventually(lambda: "an object that nobody thought of" in caplog.text)
        world.is_broken = False
        world.want({EDGE: GOOD})
        await eventually(lambda: bool(world.conditions()))


async def test_what_the_api_server_makes_something_else_of_is_left_alone() -> None:
    api = KubeApi()

    def script(asked: Asked) -> Reply | None:
        if asked.method != "PATCH":
            return None
        # It keeps nothing of what is written, and says so.
        put_gateway(api, status={"conditions": []})
        return Reply(200, json.dumps(api.objects[EDGE_PATH]).encode())

    api.script = script
    async with running(api) as world:
        world.want({EDGE: GOOD})
        await eventually(lambda: len(world.writes()) == 1)
        for _ in range(3):
            await world.look_again()
        assert len(world.writes()) == 1
        world.want({EDGE: BAD})
        await eventually(lambda: len(world.writes()) == 2)


async def test_a_status_that_somebody_spoils_is_mended() -> None:
    async with running(KubeApi()) as world:
        world.want({EDGE: GOOD})
        await eventually(lambda: bool(world.conditions()))
        put_gateway(world.api, status={"conditions": []})
        await eventually(lambda: bool(world.conditions()))
        assert len(world.writes()) == 2


async def test_others_parents_stay_although_they_write_at_the_same_moment() -> None:
    api = KubeApi()
    put_route(api)
    raced: list[Asked] = []

    def script(asked: Asked) -> Reply | None:
        # Just before our first write arrives, another controller writes.
        if asked.method == "PATCH" and not raced:
            raced.append(asked)
            put_route(api, status={"parents": [THEIRS]})
        return None

    api.script = script
    async with running(api) as world:
        ours = ParentStatus(
            parent_ref=ParentReference(name="edge"), controller_name=CONTROLLER, conditions=(holds("Accepted", "Accepted", 1),)
        )
        world.want({ROUTE: Status(parents=(ours,))})

        def controllers() -> list[str]:
            return [each["controllerName"] for each in api.objects[ROUTE_PATH].get("status", {}).get("parents", [])]

        await eventually(lambda: controllers() == ["example.com/other", CONTROLLER])
        assert "resourceVersion" in world.writes()[0].json()["metadata"]
        await world.look_again()
        assert len(world.writes()) == 2
        world.want({ROUTE: Status()})
        await eventually(lambda: controllers() == ["example.com/other"])


async def test_a_status_that_is_invalid_is_told_and_not_written_again(caplog: pytest.LogCaptureFixture) -> None:
    api = KubeApi()
    api.script = lambda asked: Reply(422, b'{"message": "too long"}') if asked.method == "PATCH" else None
    async with running(api) as world:
        world.want({EDGE: GOOD})
        await eventually(lambda: "refuses the status of Gateway shop/edge" in caplog.text)
        for _ in range(3):
            await world.look_again()
        assert len(world.writes()) == 1


async def test_an_api_server_in_trouble_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    api = KubeApi()
    failures = [500, 503]
    api.script = lambda asked: Reply(failures.pop(), b"{}") if asked.method == "PATCH" and failures else None
    async with running(api) as world:
        world.want({EDGE: GOOD})
        await eventually(lambda: bool(world.conditions()))
        assert "not every status is written" in caplog.text


async def test_objects_that_are_gone_or_of_kinds_without_status_are_passed_over() -> None:
    async with running(KubeApi()) as world:
        world.want({ROUTE: GOOD, ObjectKey("x.example", "Thing", "", "a"): GOOD, EDGE: GOOD})
        await eventually(lambda: bool(world.conditions()))
        assert len(world.writes()) == 1


def put_route(api: KubeApi, host: str = "reviews.example", **more: object) -> None:
    parents = [
        {"name": "edge"},
        {"group": "", "kind": "Service", "name": "x"},
        {"group": "other.example", "kind": "X", "name": "x"},
    ]
    api.put(API, "httproutes", "reviews", "shop", spec={"hostnames": [host], "parentRefs": parents}, **more)


async def test_a_refused_object_is_told_so_for_the_parents_that_are_ours() -> None:
    api = KubeApi()
    put_route(api)
    async with running(api) as world:
        put_route(api, "not a host")
        await eventually(lambda: bool(world.source.refused()))
        (known,) = world.source.refused()
        status = refused_status(known, View(world.store, Memories()))
        assert status is not None
        assert [parent.parent_ref.name for parent in status.parents] == ["edge", "x"]
        (condition,) = status.parents[0].conditions
        assert (condition.status, condition.reason, condition.observed_generation) == ("False", "UnsupportedValue", 2)
        assert "spec.hostnames[0]" in condition.message
