"""What control on a cluster tells commands in its pod, and what it does for them."""

from collections.abc import Sequence

import pytest

from hauberk_control.ca.errors import AuthorityError
from hauberk_control.cluster.local_service import ClusterService, Seen
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.kubernetes.errors import Unreachable
from hauberk_control.local.messages import (
    AskObjects,
    AskProgress,
    AskProxies,
    AskStatus,
    JoinGateway,
    Objects,
    Progress,
    Proxies,
    Refused,
    RegisterWorkload,
    Rotated,
    RotateRoot,
    Status,
)
from hauberk_control.status.conditions import Status as ObjectStatus
from hauberk_control.status.conditions import fails, holds
from hauberk_control.store import Object, ObjectKey, Place, gather, key_of
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway
from hauberk_core.resources.gateway_api.gateway import GatewaySpec
from hauberk_core.resources.meta import ObjectMeta

ROTATED = Rotated(name="root-2.pem", signs_after_seconds=10, drops_after_seconds=20)


def gateway(name: str) -> Gateway:
    spec = GatewaySpec(gateway_class_name="hauberk", listeners=())
    meta = ObjectMeta(name=name, namespace="shop")
    return Gateway(api_version="gateway.networking.k8s.io/v1", kind="Gateway", metadata=meta, spec=spec)


def proxy(name: str) -> ProxyStatus:
    return ProxyStatus(
        identity="spiffe://cluster.local/ns/shop/sa/edge",
        role="gateway",
        name=name,
        namespace="shop",
        address="",
        plugins={},
        program="hauberk 0.1.0",
        connected_since=100.0,
        version="7",
        in_force_since=101.0,
        current=True,
        behind_seconds=0.0,
        resources=3,
    )


def seen(proxies: Sequence[ProxyStatus] = (), elsewhere: Sequence[ProxyStatus] = ()) -> Seen:
    edge, inner = gateway("edge"), gateway("inner")
    store = gather([Object(key_of(one), one, Place("resourceVersion 5")) for one in (edge, inner)]).store
    never_right = ObjectKey("gateway.networking.k8s.io", "HTTPRoute", "shop", "wrong")
    statuses = {
        key_of(edge): ObjectStatus(conditions=(holds("Accepted", "Accepted", 1),)),
        never_right: ObjectStatus(conditions=(fails("Accepted", "Invalid", 1, "it has no rules"),)),
    }
    mistake = ConfigError(path="spec.rules", message="there are none", hint="write one", origin="resourceVersion 6")
    return Seen(store, statuses, (edge, inner), (mistake,), proxies, elsewhere)


def service(
    look: Seen, *, missing: str = "", refusal: Exception | None = None, rotations: list[str] | None = None
) -> ClusterService:
    async def now() -> Seen:
        return look

    async def rotate() -> Rotated:
        if refusal is not None:
            raise refusal
        if rotations is not None:
            rotations.append("rotated")
        return ROTATED

    return ClusterService(now, rotate, lambda: missing, lambda: 111.0)


async def test_conditions_also_of_what_was_never_right() -> None:
    answer = await service(seen()).answer(AskStatus())
    assert isinstance(answer, Status)
    assert [(row.kind, row.name, row.status, row.place) for row in answer.conditions] == [
        ("Gateway", "edge", "True", "resourceVersion 5"),
        ("HTTPRoute", "wrong", "False", ""),
    ]
    assert len(answer.problems) == 1
    assert "there are none" in answer.problems[0]


async def test_objects_and_proxies() -> None:
    answer = await service(seen()).answer(AskObjects())
    assert isinstance(answer, Objects)
    assert [row.name for row in answer.objects] == ["edge", "inner"]
    answer = await service(seen([proxy("shop/edge")])).answer(AskProxies())
    assert isinstance(answer, Proxies)
    assert [(row.name, row.in_force_seconds, row.connected_seconds) for row in answer.proxies] == [("shop/edge", 10.0, 11.0)]


async def test_a_gateway_without_a_proxy_is_missed() -> None:
    answer = await service(seen([proxy("shop/edge")])).answer(AskProgress())
    assert isinstance(answer, Progress)
    assert answer.unread == []
    assert [absent.name for absent in answer.absent] == ["shop/inner"]
    assert [row.name for row in answer.proxies] == ["shop/edge"]
    assert len(answer.problems) == 1
    answer = await service(seen([proxy("shop/edge")], [proxy("shop/inner")])).answer(AskProgress())
    assert isinstance(answer, Progress)
    assert answer.absent == []
    assert [row.name for row in answer.proxies] == ["shop/edge"]


async def test_a_root_is_announced_or_it_is_said_why_not() -> None:
    rotations: list[str] = []
    assert await service(seen(), rotations=rotations).answer(RotateRoot()) == ROTATED
    assert rotations == ["rotated"]
    for refusal in (AuthorityError("it was given"), Unreachable("the API server is away")):
        answer = await service(seen(), refusal=refusal).answer(RotateRoot())
        assert isinstance(answer, Refused)
        assert str(refusal) in answer.message


@pytest.mark.parametrize(
    "request_", [JoinGateway(namespace="shop", name="edge"), RegisterWorkload(service="reviews", name="reviews-1")]
)
async def test_nobody_joins_here(request_: JoinGateway | RegisterWorkload) -> None:
    answer = await service(seen()).answer(request_)
    assert isinstance(answer, Refused)
    assert not answer.starting


async def test_before_it_serves_it_says_what_it_waits_for() -> None:
    answer = await service(seen(), missing="the authority's Secret cannot be read").answer(AskStatus())
    assert isinstance(answer, Refused)
    assert answer.starting
    assert "Secret" in answer.message
