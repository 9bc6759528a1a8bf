"""Two controls of different revisions: of each status, and of each entry for a parent, one of them is the writer."""

from functools import partial
from typing import Any, Final

from resource_scenarios import store_of

from hauberk_control.status.conditions import ParentStatus, Status, holds
from hauberk_control.status.merge import merged
from hauberk_control.status.revisions import Revisions
from hauberk_control.store import ObjectKey
from hauberk_control.translate.view import CONTROLLER
from hauberk_core.resources.gateway_api.references import ParentReference

GROUP: Final = "gateway.networking.k8s.io"
OBJECTS: Final = """
apiVersion: v1
kind: Namespace
metadata: {name: old}
---
apiVersion: v1
kind: Namespace
metadata: {name: new, labels: {istio.io/rev: next}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: old}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: new}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: old}
spec: {parentRef: {name: edge, namespace: new}, listeners: [{name: more, port: 81, protocol: HTTP}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: new}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: own, namespace: old, labels: {hauberk.dev/rev: next}}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: old}
spec: {mtls: {mode: STRICT}}
"""
STORE: Final = store_of(OBJECTS)
DEFAULT: Final = Revisions(STORE, "default", ())
NEXT: Final = Revisions(STORE, "next-2", ("next",))
ROUTE: Final = ObjectKey(GROUP, "HTTPRoute", "old", "reviews")
OLD_EDGE: Final = ParentReference(name="edge")
NEW_EDGE: Final = ParentReference(name="edge", namespace="new")
NEW_SET: Final = ParentReference(name="more", kind="ListenerSet")
SERVICE: Final = ParentReference(name="reviews", kind="Service", group="")
GONE: Final = ParentReference(name="gone", namespace="new")


def parents(*references: ParentReference) -> Status:
    accepted = holds("Accepted", "Accepted", 1)
    return Status(
        parents=tuple([ParentStatus(parent_ref=one, controller_name=CONTROLLER, conditions=(accepted,)) for one in references])
    )


def test_each_parent_is_told_of_by_one_of_two() -> None:
    every = (OLD_EDGE, NEW_EDGE, NEW_SET, SERVICE, GONE)
    by_default, by_next = (one.written({ROUTE: parents(*every)})[ROUTE] for one in (DEFAULT, NEXT))
    assert [entry.parent_ref for entry in by_default.parents] == [OLD_EDGE, SERVICE, GONE]
    assert [entry.parent_ref for entry in by_next.parents] == [NEW_EDGE, NEW_SET]


def test_each_other_object_is_told_of_by_one_of_two() -> None:
    of_security = [("new", "default"), ("old", "own"), ("old", "default")]
    keys = [ObjectKey("security.istio.io", "PeerAuthentication", *name) for name in of_security]
    keys += [ObjectKey(GROUP, "Gateway", "new", "edge"), ObjectKey(GROUP, "ListenerSet", "old", "more")]
    said = dict.fromkeys(keys, Status(conditions=(holds("Accepted", "Accepted", 1),)))
    assert list(DEFAULT.written(said)) == [keys[2]]
    assert list(NEXT.written(said)) == [keys[0], keys[1], keys[3], keys[4]]


def test_two_that_write_one_route_by_turns_come_to_rest() -> None:
    actual: dict[str, Any] = {}
    writes = 0
    for one in (DEFAULT, NEXT) * 3:
        status = one.written({ROUTE: parents(OLD_EDGE, NEW_EDGE)})[ROUTE]
        written = merged(status, actual, "2026-11-23T12:00:00Z", partial(one.is_theirs, ROUTE))
        if written is not None:
            actual, writes = written, writes + 1
    assert writes == 2
    assert len(actual["parents"]) == 2
