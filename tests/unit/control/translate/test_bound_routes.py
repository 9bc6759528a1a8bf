"""What is kept of routes from one store to the next, while objects come, change and go."""

import pytest
from resource_scenarios import gateway_node, service, sidecar_node, store_of, workload

from hauberk_control.store import Store
from hauberk_control.translate.bound_routes import BoundRoutes, Targets
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translator, translate
from hauberk_core.model.route import Route

_GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
_GRANT = """
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: all, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service}]
"""
_POLICY = """
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: slow}
spec:
  plugin: filter
  priority: 7
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: first}]
"""
_INSIDE_TLS = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: secured}
spec:
  targetRefs: [{group: "", kind: Service, name: secured}]
  validation: {hostname: secured.test, wellKnownCACertificates: System}
"""
_SECURED = service("secured").replace("http-9080", "https")


def _route(name: str, backend: str = "{name: reviews, port: 9080}", path: str = "/", parent: str = "{name: web}") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{parent}]
  rules: [{{matches: [{{path: {{type: PathPrefix, value: {path}}}}}], backendRefs: [{backend}]}}]
"""


_BASE = (
    _GATEWAY,
    service("reviews"),
    _SECURED,
    service("reviews", namespace="other"),
    workload("reviews-v1", 20001, app="reviews", account="reviews"),
    _route("first", path="/first"),
    _route("second", path="/second"),
    _route("across", "{name: reviews, namespace: other, port: 9080}", "/across"),
    _route("safe", "{name: secured, port: 9080}", "/safe"),
    _route("inside", parent="{name: reviews, kind: Service, group: ''}"),
)
# Each is put in, changed where it can be, and taken out again.
_STEPS = {
    "a route": (_route("third", path="/third"), _route("third", path="/other")),
    "a route's backend": (_route("third", "{name: nobody, port: 9080}", "/t"), _route("third", path="/t")),
    "a service": (
        _route("third", "{name: late, port: 9080}", "/t"),
        service("late") + _route("third", "{name: late, port: 9080}", "/t"),
    ),
    "a grant": (_GRANT, _GRANT.replace("name: default", "name: elsewhere")),
    "a policy": (_POLICY, _POLICY.replace("priority: 7", "priority: 8")),
    "backends in TLS": (_INSIDE_TLS, _INSIDE_TLS.replace("name: secured}]", "name: reviews}]")),
    "endpoints": (workload("reviews-v2", 20002, app="reviews"), workload("reviews-v2", 20003, app="reviews", account="reviews")),
}
_NODES = (
    gateway_node(),
    sidecar_node(labels={"app": "reviews"}, outbound={"reviews.default:9080": 15010}, http_proxy_port=15099),
)


@pytest.mark.parametrize("node", _NODES, ids=["gateway", "sidecar"])
@pytest.mark.parametrize("step", _STEPS)
def test_whatever_changes_a_translator_says_what_a_new_one_would(step: str, node: Node) -> None:
    translator = Translator()
    said: list[str] = []
    store = store_of(*_BASE)
    # As a source makes the next store of the one before: kinds of which nothing has changed stay the same mappings.
    for texts in ((), *[(text,) for text in _STEPS[step]], ()):
        wanted = store_of(*_BASE, *texts).objects
        store = store.with_changes(
            {key: wanted.get(key) for key in {*wanted, *store.objects} if wanted.get(key) != store.objects.get(key)}
        )
        found = translator.translate(store, node)
        alone = translate(store, node)
        assert (found.snapshot, found.problems) == (alone.snapshot, alone.problems)
        said.append(found.snapshot.version)
    assert said[0] == said[-1]


def test_a_change_of_one_route_leaves_the_rules_of_others_alone() -> None:
    translator = Translator()
    store = store_of(*_BASE)
    before = _rules(translator, store)
    after = _rules(translator, store.with_changes(store_of(_route("second", path="/changed")).objects))
    assert [name for name, rule in before.items() if after[name] is not rule] == ["default/second#00"]


def test_policies_are_known_by_what_became_of_them_also_in_rules_that_stay() -> None:
    translator = Translator()
    store = store_of(*_BASE, _POLICY)
    _rules(translator, store)
    changed = store.with_changes(store_of(_route("second", path="/changed")).objects)
    (config,) = _rules(translator, changed)["default/first#00"].plugins
    owner = translator.view(changed).plugins.owner(config)
    assert owner is not None
    assert owner.name == "slow"


def test_what_is_kept_is_bounded() -> None:
    bound = BoundRoutes()
    key = ("HTTPRoute", "default", "first", False)
    bound.note_targets(key, Targets((), (), False))
    for share in range(1000):
        bound.note_rules(key, ((("cluster", share),),), ())
    kept = [share for share in range(1000) if bound.rules(key, ((("cluster", share),),)) is not None]
    assert 999 in kept
    assert len(kept) <= 64


def _rules(translator: Translator, store: Store) -> dict[str, Route]:
    (table,) = translator.translate(store, gateway_node()).snapshot.route_tables.values()
    return {rule.name: rule for host in table.virtual_hosts for rule in host.routes}
