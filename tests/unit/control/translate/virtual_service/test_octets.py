"""Rules for connections that are no requests, at captured sidecars."""

import pytest
from resource_scenarios import store_of
from virtual_service_scenarios import virtual_service

from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import translate
from hauberk_core.config import check_whole
from hauberk_core.model import FilterChain
from hauberk_core.net.destinations import DestinationMap

NODE = Node(
    identity="spiffe://cluster.local/ns/default/sa/web",
    role="sidecar",
    name="web",
    namespace="default",
    labels={"app": "web"},
    captured=True,
    pod="web-1",
    addresses=("10.244.0.9",),
)
DATABASE = "".join(
    [
        f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{clusterIP: {address}, selector: {{app: {name}}}, ports: [{{name: {port}, port: 3306}}]}}
"""
        for name, address, port in (("old", "10.96.0.20", "tcp"), ("new", "10.96.0.21", "tcp"), ("any", "10.96.0.22", "x"))
    ]
)
OLD, NEW = [f"outbound|3306||{name}.default.svc.cluster.local" for name in ("old", "new")]
SHARED = "route: [{destination: {host: old}, weight: 1}, {destination: {host: new}, weight: 3}]"
TO_NEW = "route: [{destination: {host: new}}]"


def chain(text: str, address: str = "10.96.0.20") -> FilterChain:
    translation = translate(store_of(DATABASE, text), NODE)
    check_whole(translation.snapshot, "")
    assert translation.problems == ()
    chains = translation.snapshot.listeners["virtualOutbound"].filter_chains
    return chains[DestinationMap([(one.destinations, one.destination_ports) for one in chains]).choose(address, 3306)]


def test_connections_are_shared_by_weight() -> None:
    taken = chain(virtual_service(f"{{{SHARED}}}", kind="tcp", hosts="old"))
    assert taken.protocol == "tcp"
    assert [(backend.cluster, backend.weight) for backend in taken.backends] == [(OLD, 1), (NEW, 3)]


@pytest.mark.parametrize(
    ("match", "cluster"),
    [
        ("{port: 3306}", NEW),
        ("{port: 3307}", OLD),
        ("{sourceLabels: {app: web}}", NEW),
        ("{sourceLabels: {app: other}}", OLD),
        ("{destinationSubnets: [10.0.0.0/8]}", NEW),
        ("{destinationSubnets: ['fd00::/8', 10.97.0.0/16]}", OLD),
        ("{gateways: [mesh], sourceNamespace: default}", NEW),
        ("{sourceNamespace: other}", OLD),
    ],
)
def test_the_first_rule_that_takes_them_counts(match: str, cluster: str) -> None:
    taken = chain(virtual_service(f"{{match: [{match}], {TO_NEW}}}", kind="tcp", hosts="old"))
    assert [backend.cluster for backend in taken.backends] == [cluster]


def test_where_nobody_says_what_is_spoken_the_rules_are_for_what_is_no_request() -> None:
    taken = chain(virtual_service(f"{{{TO_NEW}}}", kind="tcp", hosts="any"), "10.96.0.22")
    assert (taken.protocol, bool(taken.route_table)) == ("detect", True)
    assert [backend.cluster for backend in taken.backends] == [NEW]
