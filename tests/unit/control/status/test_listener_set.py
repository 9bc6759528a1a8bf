"""Conditions of ListenerSets, and what they do to their Gateway's."""

import pytest
from condition_scenarios import ACCEPTED, PROGRAMMED, RESOLVED, gateway, listeners_of, route, status_of, told
from resource_scenarios import service, store_of, workload

from hauberk_control.gateways.addresses import GatewayAddresses
from hauberk_control.status.cluster import Cluster, Deployed
from hauberk_control.status.conditions import Status
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.gateway_listener import MOST_LISTENERS
from hauberk_control.translate.translate import Translator

ALLOWED = "allowedListeners: {namespaces: {from: All}}"
OWN = "{name: http, port: 80, protocol: HTTP, hostname: own.test}"
REVIEWS = service("reviews") + workload("reviews-v1", 20001, app="reviews")
RULES = "rules: [{backendRefs: [{name: reviews, port: 9080}]}]"
NAMESPACE = """
---
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {shop: "yes"}}
"""


def listener_set(listeners: str, name: str = "more", namespace: str = "default", created: str = "2026-01-02T00:00:00Z") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, namespace: {namespace}, generation: 5, creationTimestamp: '{created}'}}
spec:
  parentRef: {{name: web, namespace: default}}
  listeners: [{listeners}]
"""


def listener(name: str = "more", host: str = "more.test", more: str = "") -> str:
    return f"{{name: {name}, port: 80, protocol: HTTP, hostname: {host}, {more}}}"


def of_set(*texts: str, name: str = "more", namespace: str = "default") -> Status:
    return status_of("ListenerSet", name, *texts, namespace=namespace)


def test_a_set_that_its_gateway_takes() -> None:
    texts = (gateway(OWN, ALLOWED), listener_set(listener()))
    status = of_set(*texts)
    assert told(status.conditions) == {"Accepted": ACCEPTED, "Programmed": PROGRAMMED}
    assert {condition.observed_generation for condition in status.conditions} == {5}
    assert listeners_of(status) == {
        "more": {"Accepted": ACCEPTED, "Conflicted": ("False", "NoConflicts"), "ResolvedRefs": RESOLVED, "Programmed": PROGRAMMED}
    }
    assert {condition.observed_generation for condition in status.listeners[0].conditions} == {5}
    of_gateway = status_of("Gateway", "web", *texts)
    assert of_gateway.attached_listener_sets == 1
    # A set's listeners are told in the set.
    assert list(listeners_of(of_gateway)) == ["http"]


@pytest.mark.parametrize(
    ("allowed", "namespace", "reason"),
    [
        ("", "default", "NotAllowed"),
        ("allowedListeners: {namespaces: {from: None}}", "default", "NotAllowed"),
        ("allowedListeners: {namespaces: {from: Same}}", "default", "Accepted"),
        ("allowedListeners: {namespaces: {from: Same}}", "team", "NotAllowed"),
        ("allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {shop: 'yes'}}}}", "team", "Accepted"),
        ("allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {shop: 'no'}}}}", "team", "NotAllowed"),
    ],
)
def test_whose_sets_a_gateway_takes(allowed: str, namespace: str, reason: str) -> None:
    texts = (gateway(OWN, allowed), listener_set(listener(), namespace=namespace), NAMESPACE)
    status = of_set(*texts, namespace=namespace)
    taken = reason == "Accepted"
    assert told(status.conditions)["Accepted"] == (str(taken), reason)
    assert told(status.conditions)["Programmed"] == (PROGRAMMED if taken else ("False", reason))
    assert status_of("Gateway", "web", *texts).attached_listener_sets == int(taken)


@pytest.mark.parametrize(
    ("conflicting", "reason"),
    [
        ("{name: same, port: 80, protocol: HTTP, hostname: own.test}", "HostnameConflict"),
        ("{name: same, port: 80, protocol: TCP}", "ProtocolConflict"),
    ],
)
def test_what_goes_before_a_listener_keeps_its_place(conflicting: str, reason: str) -> None:
    lost = {"Accepted": ("False", reason), "Programmed": ("False", reason), "Conflicted": ("True", reason)}
    texts = (gateway(OWN, ALLOWED), listener_set(f"{listener()}, {conflicting}"), listener_set(conflicting, "only"))
    some = of_set(*texts)
    assert told(some.conditions) == {"Accepted": ("True", "ListenersNotValid"), "Programmed": PROGRAMMED}
    assert listeners_of(some)["more"]["Accepted"] == ACCEPTED
    assert listeners_of(some)["same"] == lost | {"ResolvedRefs": RESOLVED}
    none = of_set(*texts, name="only")
    assert told(none.conditions) == {"Accepted": ("False", "ListenersNotValid"), "Programmed": ("False", "ListenersNotValid")}
    of_gateway = status_of("Gateway", "web", *texts)
    assert told(of_gateway.conditions)["Accepted"] == ACCEPTED
    assert listeners_of(of_gateway)["http"]["Accepted"] == ACCEPTED
    assert of_gateway.attached_listener_sets == 1


def test_of_two_sets_the_older_keeps_the_place() -> None:
    older = listener_set(listener(), "z-older", created="2026-01-01T00:00:00Z")
    texts = (gateway(OWN, ALLOWED), older, listener_set(listener(), "a-newer"))
    assert listeners_of(of_set(*texts, name="z-older"))["more"]["Accepted"] == ACCEPTED
    assert listeners_of(of_set(*texts, name="a-newer"))["more"]["Accepted"] == ("False", "HostnameConflict")


def test_kinds_of_routes_that_do_not_fit() -> None:
    passing = "{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}"
    conditions = listeners_of(of_set(gateway(OWN, ALLOWED), listener_set(passing)))["tls"]
    assert conditions["ResolvedRefs"] == ("False", "InvalidRouteKinds")


def test_routes_count_where_they_attach() -> None:
    open_, own = "allowedRoutes: {namespaces: {from: All}}", "allowedRoutes: {namespaces: {from: Same}}"
    texts = (
        gateway(OWN, ALLOWED),
        listener_set(f"{listener('open', 'a.test', open_)}, {listener('own', 'b.test', own)}", namespace="team"),
        route("HTTPRoute", RULES, "of-team", "team", "{kind: ListenerSet, name: more}"),
        route("HTTPRoute", RULES, "of-default", "default", "{kind: ListenerSet, name: more, namespace: team}"),
        route("HTTPRoute", RULES, "of-gateway"),
        REVIEWS,
    )
    status = of_set(*texts, namespace="team")
    # "Same" is the set's namespace, not the Gateway's.
    assert {listener.name: listener.attached_routes for listener in status.listeners} == {"open": 2, "own": 1}
    (listener_of_gateway,) = status_of("Gateway", "web", *texts).listeners
    assert listener_of_gateway.attached_routes == 1


def test_each_parent_of_a_route_has_its_own_word() -> None:
    parents = "{name: web, sectionName: more}, {kind: ListenerSet, name: more, sectionName: more}"
    texts = (gateway(OWN, ALLOWED), listener_set(listener()), route("HTTPRoute", RULES, parents=parents), REVIEWS)
    of_gateway, of_listeners = status_of("HTTPRoute", "shop", *texts).parents
    assert told(of_gateway.conditions)["Accepted"] == ("False", "NoMatchingParent")
    assert told(of_listeners.conditions)["Accepted"] == ACCEPTED
    assert of_listeners.parent_ref.kind == "ListenerSet"


def test_a_route_waits_for_a_set_that_is_not_taken() -> None:
    parent = "{kind: ListenerSet, name: more}"
    texts = (gateway(OWN), listener_set(listener()), route("HTTPRoute", RULES, parents=parent), REVIEWS)
    (only,) = status_of("HTTPRoute", "shop", *texts).parents
    assert told(only.conditions)["Accepted"] == ("False", "Pending")


def test_a_set_without_gateway() -> None:
    assert told(of_set(listener_set(listener())).conditions)["Accepted"] == ("False", "ParentNotAccepted")


def test_the_sets_of_a_gateway_that_is_not_accepted_or_not_reached() -> None:
    def under(deployed: Deployed) -> dict[str, tuple[str, str]]:
        view = Translator().view(store_of(gateway(OWN, ALLOWED), listener_set(listener())))
        key = ObjectKey("gateway.networking.k8s.io", "ListenerSet", "default", "more")
        return told(view_statuses(view, None, Cluster(lambda _: deployed, frozenset()))[key].conditions)

    refused = under(Deployed(GatewayAddresses(), "there is no ConfigMap x"))
    assert refused == {"Accepted": ("False", "ParentNotAccepted"), "Programmed": ("False", "ParentNotAccepted")}
    assert under(Deployed(GatewayAddresses())) == {"Accepted": ACCEPTED, "Programmed": ("False", "ParentNotProgrammed")}


def test_the_listeners_of_others_are_not_named() -> None:
    https = "{name: NAME, port: 443, protocol: HTTPS, hostname: HOST, tls: {certificateRefs: [{name: shop}]}}"
    own = https.replace("NAME", "secret-plan").replace("HOST", "'*.test'")
    texts = (gateway(own, ALLOWED), listener_set(https.replace("NAME", "mine").replace("HOST", "a.test")))
    (mine,) = of_set(*texts).listeners
    (overlapping,) = [condition for condition in mine.conditions if condition.type == "OverlappingTLSConfig"]
    assert (overlapping.status, overlapping.reason) == ("True", "OverlappingHostnames")
    assert "secret-plan" not in overlapping.message


def test_a_port_of_udp_is_another_than_that_of_tcp() -> None:
    both = "{name: udp, port: 80, protocol: UDP}, {name: tcp, port: 80, protocol: TCP}"
    listeners = listeners_of(of_set(gateway("{name: own, port: 81, protocol: HTTP}", ALLOWED), listener_set(both)))
    assert listeners["udp"]["Conflicted"] == listeners["tcp"]["Conflicted"] == ("False", "NoConflicts")


def test_listeners_beyond_the_bound_are_refused() -> None:
    each = 64
    sets = [
        listener_set(", ".join([listener(f"l{number}", f"h{number}.s{index}.test") for number in range(each)]), f"s{index}")
        for index in range(MOST_LISTENERS // each)
    ]
    texts = (gateway(OWN, ALLOWED), *sets)
    # The Gateway's own listener takes the place of the very last one.
    last = listeners_of(of_set(*texts, name=f"s{len(sets) - 1}"))
    refused = [name for name, conditions in last.items() if conditions["Accepted"] == ("False", "TooManyListeners")]
    assert refused == [f"l{each - 1}"]
