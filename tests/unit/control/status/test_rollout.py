"""What proxies acknowledged, refused and lack, in the conditions of the objects that it concerns."""

import msgspec
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.plugins import PluginTranslation
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey, Store
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translator
from hauberk_core.plugin.host import control_host

WEB = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules: [{backendRefs: [{name: reviews, port: 9080}]}]
"""
POLICIES = """
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: guard}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]
  plugin: waf
  failure: FAILURE
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""
REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews", account="reviews")
GATEWAY = ObjectKey("gateway.networking.k8s.io", "Gateway", "default", "web")
GUARD = ObjectKey("hauberk.dev", "PluginPolicy", "default", "guard")
RULE = ObjectKey("networking.istio.io", "DestinationRule", "default", "reviews")
STRICT = ObjectKey("security.istio.io", "PeerAuthentication", "default", "default")
ALL = (GATEWAY, GUARD, RULE, STRICT)


def store(failure: str = "closed") -> Store:
    return store_of(WEB, POLICIES.replace("FAILURE", failure), REVIEWS)


def status_of(node: Node, store: Store, **more: object) -> ProxyStatus:
    """A proxy that has what it is told, unless `more` says otherwise."""
    notes = PluginTranslation(Translator(), control_host([], frozenset()), str.upper).translate(store, node).notes
    values: dict[str, object] = {
        "identity": node.identity,
        "role": node.role,
        "name": node.name,
        "namespace": node.namespace,
        "address": "",
        "plugins": {},
        "program": "",
        "in_force_since": 0.0,
        "connected_since": 0.0,
        "version": "v",
        "current": True,
        "behind_seconds": 0.0,
        "resources": 1,
        "notes": notes,
        **more,
    }
    return ProxyStatus(**values)  # type: ignore[arg-type]


def with_plugins(node: Node, **plugins: str) -> Node:
    return msgspec.structs.replace(node, plugins=plugins)


FRONT = with_plugins(gateway_node(), waf="1.0")
REVIEWS_NODE = sidecar_node("reviews-v1", labels={"app": "reviews", "version": "v1"}, inbound={9080: (20001, 30001)})


def programmed(store: Store, *proxies: ProxyStatus) -> dict[ObjectKey, tuple[str, str, str]]:
    found: dict[ObjectKey, tuple[str, str, str]] = {}
    for key, status in view_statuses(Translator().view(store), proxies).items():
        for condition in status.conditions:
            if condition.type in ("Programmed", "hauberk.dev/Programmed"):
                found[key] = (condition.status, condition.reason, condition.message)
    return found


def test_without_proxies_a_gateway_waits_and_policies_have_nothing_to_do() -> None:
    told = programmed(store())
    assert told[GATEWAY] == ("False", "Pending", "no proxy of this Gateway is connected")
    assert {told[key][:2] for key in (GUARD, RULE, STRICT)} == {("True", "NothingToDo")}


def test_once_everybody_has_it_all_is_programmed() -> None:
    own = store()
    told = programmed(own, status_of(FRONT, own), status_of(REVIEWS_NODE, own))
    assert {key: told[key][:2] for key in ALL} == dict.fromkeys(ALL, ("True", "Programmed"))
    listener = view_statuses(Translator().view(own), [status_of(FRONT, own)])[GATEWAY].listeners[0]
    assert [one.status for one in listener.conditions if one.type == "Programmed"] == ["True"]


def test_one_that_is_behind_or_refuses_concerns_only_what_it_has_a_part_in() -> None:
    own = store()
    behind = status_of(REVIEWS_NODE, own, current=False)
    told = programmed(own, status_of(FRONT, own), behind)
    assert told[STRICT] == ("False", "Pending", "not there yet: sidecar default/reviews-v1")
    assert {told[key][0] for key in (GATEWAY, GUARD, RULE)} == {"True"}
    refusing = status_of(FRONT, own, current=False, refused_version="v2", refused_reason="port 8080 is taken\n    free it")
    told = programmed(own, refusing, status_of(REVIEWS_NODE, own))
    for key in (GATEWAY, GUARD, RULE):
        assert told[key] == ("False", "Refused", "gateway default/web serves on with what it had: port 8080 is taken")
    assert told[STRICT][0] == "True"


def test_one_replica_that_refuses_is_enough() -> None:
    own = store()
    refusing = status_of(FRONT, own, current=False, refused_version="v2", refused_reason="no room")
    assert programmed(own, status_of(FRONT, own), refusing)[GATEWAY][:2] == ("False", "Refused")


def test_a_policy_says_who_lacks_its_plugin_and_what_follows() -> None:
    own = store("closed")
    several = [status_of(with_plugins(gateway_node(), other="1"), own) for _ in range(3)]
    (status, reason, message) = programmed(own, *several)[GUARD]
    assert (status, reason) == ("False", "PluginMissing")
    told_of = (
        "the plugin 'waf' is not installed at gateway default/web; its requests there are answered with 503 (failure: closed); "
    )
    assert message.startswith(f"{told_of}install it there")
    own = store("open")
    told = programmed(own, status_of(with_plugins(gateway_node()), own))[GUARD]
    assert told[1] == "PluginMissing"
    assert "; its requests there go on without it (failure: open); " in told[2]


def test_a_plugin_that_is_misspelt_is_guessed() -> None:
    own = store("closed")
    installed = {"waff": "1", "other": "1"}
    lacking = status_of(with_plugins(gateway_node(), **installed), own, plugins=installed)
    assert "; did you mean 'waff'? else install it there" in programmed(own, lacking)[GUARD][2]


def test_a_policy_says_who_has_its_plugin_in_another_version() -> None:
    own = store_of(WEB, POLICIES.replace("failure: FAILURE", "version: '>=2,<3'"), REVIEWS)
    others = [status_of(with_plugins(gateway_node(), waf=version), own) for version in ("1.0", "3.1", "2.5")]
    absent = status_of(with_plugins(gateway_node()), own)
    status, reason, message = programmed(own, *others, absent)[GUARD]
    assert (status, reason) == ("False", "PluginMissing")
    assert message.startswith(
        "the plugin 'waf' is not installed at gateway default/web, and is of another version than >=2,<3 "
        "at gateway default/web (1.0), gateway default/web (3.1); its requests there are answered with 503 (failure: closed); "
    )
    assert programmed(own, others[2])[GUARD][:2] == ("True", "Programmed")


def test_those_who_do_not_say_what_they_have_lack_nothing() -> None:
    own = store()
    assert programmed(own, status_of(gateway_node(), own))[GUARD][:2] == ("True", "Programmed")


def test_the_names_told_are_few() -> None:
    policy = POLICIES.replace("FAILURE", "closed").replace(
        "{group: gateway.networking.k8s.io, kind: Gateway, name: web}", '{group: "", kind: Service, name: reviews}'
    )
    own = store_of(WEB, policy, REVIEWS)
    nodes = [with_plugins(msgspec.structs.replace(REVIEWS_NODE, name=f"reviews-v{number}")) for number in range(9)]
    told = programmed(own, *[status_of(node, own) for node in nodes])[GUARD]
    assert "sidecar default/reviews-v4, and 4 more;" in told[2]
    assert "reviews-v5" not in told[2]


def test_a_virtual_service_says_who_lacks_the_plugin_of_its_faults() -> None:
    text = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{fault: {abort: {httpStatus: 418}}, route: [{destination: {host: reviews}}]}]
"""
    own = store_of(WEB, REVIEWS, text)
    caller = sidecar_node(outbound={"reviews.default:9080": 15001})
    key = ObjectKey("networking.istio.io", "VirtualService", "default", "reviews")
    status, reason, message = programmed(own, status_of(with_plugins(caller), own))[key]
    assert (status, reason) == ("False", "PluginMissing")
    assert "the plugin 'fault' is not installed at sidecar default/productpage-v1; its requests there go on without it" in message
    assert programmed(own, status_of(with_plugins(caller, fault="1"), own))[key][:2] == ("True", "Programmed")
