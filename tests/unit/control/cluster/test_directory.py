"""What proxies say of themselves, held against their pods."""

import msgspec
import pytest
from mesh_world import make_node

from hauberk_control.cluster.directory import ClusterDirectory
from hauberk_control.discovery.claims import ClaimRefused, UnknownProxy, check_claims
from hauberk_control.store import Store
from hauberk_core.identity import SpiffeId
from hauberk_core.resources import Gateway, Pod, Resource
from hauberk_core.resources.gateway_api.gateway import GatewayListener, GatewaySpec
from hauberk_core.resources.kubernetes.pod import PodSpec, PodStatus
from hauberk_core.resources.meta import ObjectMeta

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")


def pod(name: str, account: str | None, **labels: str) -> Pod:
    metadata = ObjectMeta(name=name, namespace="shop", labels={key.replace("__", "/"): text for key, text in labels.items()})
    return Pod(api_version="v1", kind="Pod", metadata=metadata, spec=PodSpec(service_account_name=account))


def gateway(name: str) -> Gateway:
    spec = GatewaySpec(gateway_class_name="hauberk", listeners=(GatewayListener(name="http", port=80, protocol="HTTP"),))
    metadata = ObjectMeta(name=name, namespace="shop")
    return Gateway(api_version="gateway.networking.k8s.io/v1", kind="Gateway", metadata=metadata, spec=spec)


def directory(*resources: Resource) -> ClusterDirectory:
    store = Store().with_objects(resources, "a test")
    return ClusterDirectory(lambda: store)


def test_a_pod_is_who_its_service_account_says() -> None:
    known = directory(pod("reviews-1", "reviews", app="reviews"), pod("payments-1", "payments"), pod("plain-1", None))
    check_claims(REVIEWS, make_node("reviews-1", "shop"), known)
    check_claims(SpiffeId("cluster.local", "shop", "default"), make_node("plain-1", "shop"), known)
    with pytest.raises(ClaimRefused, match="another service account"):
        check_claims(REVIEWS, make_node("payments-1", "shop"), known)


def test_a_pod_that_is_not_there_may_come_yet() -> None:
    with pytest.raises(UnknownProxy, match="shop/reviews-1"):
        check_claims(REVIEWS, make_node("reviews-1", "shop"), directory())


def test_labels_and_addresses_are_the_pods_own() -> None:
    own = msgspec.structs.replace(pod("reviews-1", "reviews", app="reviews"), status=PodStatus(pod_ip="10.0.0.7"))
    node = make_node("reviews", "shop", pod="reviews-1", labels={"app": "payments"}, addresses=["10.0.0.9"])

    known = directory(own).completed(node)

    assert known == msgspec.structs.replace(node, labels={"app": "reviews"}, addresses=("10.0.0.7",))


def test_a_gateway_says_truly_which_pod_it_is() -> None:
    known = directory(gateway("front"), pod("front-1", "front-hauberk"), pod("reviews-1", "reviews"))
    front = SpiffeId("cluster.local", "shop", "front-hauberk")

    check_claims(front, make_node("shop/front", "shop", "gateway", pod="front-1"), known)
    with pytest.raises(ClaimRefused, match="another service account"):
        check_claims(front, make_node("shop/front", "shop", "gateway", pod="reviews-1"), known)


def test_a_gateways_proxies_have_the_account_made_for_it_or_of_pods_that_serve_it() -> None:
    other = pod("mine-1", "mine", gateway__x="front")
    labelled = msgspec.structs.replace(other.metadata, labels={"gateway.networking.k8s.io/gateway-name": "front"})
    known = directory(gateway("front"), msgspec.structs.replace(other, metadata=labelled), pod("reviews-1", "reviews"))

    assert known.gateway_accounts("shop", "front") == {"front-hauberk", "mine"}
    assert known.gateway_accounts("shop", "back") == frozenset(())
    check_claims(SpiffeId("cluster.local", "shop", "mine"), make_node("shop/front", "shop", "gateway"), known)
    with pytest.raises(ClaimRefused):
        check_claims(REVIEWS, make_node("shop/front", "shop", "gateway"), known)
    with pytest.raises(UnknownProxy):
        check_claims(SpiffeId("cluster.local", "shop", "back-hauberk"), make_node("shop/back", "shop", "gateway"), known)
