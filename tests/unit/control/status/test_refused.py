"""What is told of objects that cannot be read, or that were right before."""

import json
from collections.abc import Mapping

import pytest
from condition_scenarios import ACCEPTED, gateway, told
from resource_scenarios import service, store_of

from hauberk_control.sources.known import Known, KnownObjects
from hauberk_control.status.conditions import Status
from hauberk_control.status.refused import refused_status
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import Store
from hauberk_control.translate.translate import Translator
from hauberk_core.resources import Gateway, HTTPRoute, Resource

RIGHT = {"rules": [{"backendRefs": [{"name": "reviews", "port": 9080}]}]}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"statusCode": 301}}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}}
LISTENERS = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec: {parentRef: {name: web}, listeners: [{name: a, port: 81, protocol: HTTP}]}
"""


def known(kind: type[Resource], name: str, *specs: object) -> Known:
    """An object after the API server has told of several states, one after the other."""
    objects = KnownObjects(kind, "gateway.networking.k8s.io/v1", keep_status=True)
    for generation, spec in enumerate(specs, 1):
        version = {"resourceVersion": str(generation), "generation": generation}
        metadata = {"name": name, "namespace": "default", "uid": "u", **version}
        body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind.KIND, "metadata": metadata, "spec": spec}
        objects.replace([objects.decode(json.dumps(body).encode())])
    (found,) = objects.all()
    return found


def status(of: Known, store: Store) -> Status | None:
    view = Translator().view(store if of.object is None else store.with_changes({of.key: of.object}))
    return refused_status(of, view, view_statuses(view).get(of.key))


def route(*specs: Mapping[str, object], parent: str = "Gateway", name: str = "web") -> Known:
    parents = [{"group": "gateway.networking.k8s.io", "kind": parent, "name": name}]
    return known(HTTPRoute, "shop", *[{"parentRefs": parents, **spec} for spec in specs])


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ([REDIRECT, REWRITE], "IncompatibleFilters"),
        ([REWRITE, REWRITE], "IncompatibleFilters"),
        ([{"type": "RequestRedirect", "requestRedirect": {"statusCode": 999}}], "UnsupportedValue"),
        ([REDIRECT, REWRITE, {"type": "URLRewrite"}], "UnsupportedValue"),
    ],
)
def test_why_a_route_is_refused(filters: list[object], reason: str) -> None:
    found = status(route({"rules": [{"filters": filters}]}), store_of(gateway()))
    assert found is not None
    (parent,) = found.parents
    assert told(parent.conditions) == {"Accepted": ("False", reason)}


def test_a_route_that_was_right_serves_on_and_says_so() -> None:
    of = route(RIGHT, {"rules": [{"filters": [REDIRECT, REWRITE]}]})
    found = status(of, store_of(gateway(), service("reviews")))
    assert found is not None
    (parent,) = found.parents
    by_type = {condition.type: condition for condition in parent.conditions}
    assert (by_type["Accepted"].status, by_type["Accepted"].observed_generation) == ("True", 1)
    partly = by_type["PartiallyInvalid"]
    assert (partly.status, partly.reason, partly.observed_generation) == ("True", "IncompatibleFilters", 2)
    assert partly.message.startswith("Fall Back")


def test_it_is_told_nothing_more_where_it_was_not_accepted() -> None:
    of = route(RIGHT, {"rules": 3}, name="gone")
    found = status(of, store_of(gateway()))
    assert found is not None
    assert list(told(found.parents[0].conditions)) == ["Accepted", "ResolvedRefs"]


def test_parents_of_others_are_left_to_them() -> None:
    wrong = {"rules": 3}
    store = store_of(gateway(), LISTENERS)
    ours = [("ListenerSet", "more", 1), ("ListenerSet", "gone", 0), ("Thing", "web", 0), ("Gateway", "gone", 0)]
    for parent, name, count in ours:
        found = status(route(wrong, parent=parent, name=name), store)
        assert found is not None
        assert len(found.parents) == count, parent
    found = status(route(wrong), store_of(gateway(class_="theirs")))
    assert found == Status()


def test_a_gateway_that_was_right_keeps_what_is_true_of_it() -> None:
    right = {"gatewayClassName": "hauberk", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    found = status(known(Gateway, "web", right, right | {"listeners": []}), store_of(service("reviews")))
    assert found is not None
    assert told(found.conditions)["Accepted"] == ("False", "Invalid")
    assert told(found.conditions)["Programmed"] == ("True", "Programmed")
    assert told(found.listeners[0].conditions)["Accepted"] == ACCEPTED
    assert found.conditions[0].observed_generation == 2
