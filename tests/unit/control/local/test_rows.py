"""What control knows, as rows for people."""

from pathlib import Path

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.local.messages import AbsentProxy, ObjectRow, RegisterWorkload
from hauberk_control.local.rows import absent_proxies, file_problems, object_rows, proxy_rows
from hauberk_control.store import Object, Place, gather, key_of
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway, Namespace
from hauberk_core.resources.gateway_api.gateway import GatewaySpec
from hauberk_core.resources.meta import ObjectMeta


def gateway(name: str) -> Gateway:
    spec = GatewaySpec(gateway_class_name="hauberk", listeners=())
    meta = ObjectMeta(name=name, namespace="shop")
    return Gateway(api_version="gateway.networking.k8s.io/v1", kind="Gateway", metadata=meta, spec=spec)


def workload(name: str) -> RegisterWorkload:
    return RegisterWorkload(service="reviews", namespace="shop", name=name)


def connected(role: str, name: str) -> ProxyStatus:
    return ProxyStatus(
        identity="spiffe://cluster.local/ns/shop/sa/x",
        role=role,
        name=name,
        namespace="shop",
        address="",
        plugins={},
        program="hauberk 0.1.0",
        connected_since=100.0,
        version="",
        in_force_since=0.0,
        current=False,
        behind_seconds=1.0,
        resources=0,
    )


def test_who_should_be_connected_and_is_not() -> None:
    proxies = [connected("gateway", "shop/front"), connected("sidecar", "reviews-v1"), connected("sidecar", "back")]
    absent = absent_proxies([gateway("front"), gateway("back")], [workload("reviews-v1"), workload("reviews-v2")], proxies)
    assert absent == [AbsentProxy(role="gateway", name="shop/back"), AbsentProxy(role="sidecar", name="shop/reviews-v2")]


def test_only_what_keeps_something_from_being_in_force_is_a_problem() -> None:
    error = ConfigError(origin="/mesh/deep/a.yaml", line=3, column=1, message="no such field", hint="write another")
    warning = ConfigError(origin="/mesh/b.yaml", message="old", hint="new", severity="warning")
    [problem] = file_problems([error, warning], Path("/mesh"))
    assert problem.file == "deep/a.yaml"
    assert problem.text == "deep/a.yaml:3:1: no such field\n    write another"


def test_objects_are_told_with_their_places() -> None:
    made = Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name="shop"))
    objects = [Object(key_of(value), value, Place("/mesh/a.yaml", line, 1)) for line, value in ((7, gateway("b")), (9, made))]
    rows = object_rows(gather(objects).store, Path("/mesh"))
    assert rows == [
        ObjectRow(kind="Gateway", namespace="shop", name="b", place="a.yaml:7:1"),
        ObjectRow(kind="Namespace", namespace="", name="shop", place="a.yaml:9:1"),
    ]


def test_a_proxy_without_a_configuration_has_none_in_force() -> None:
    [row] = proxy_rows([connected("sidecar", "reviews-v1")], 130.0)
    assert (row.in_force_seconds, row.connected_seconds, row.last_refusal) == (None, 30.0, None)
