"""Routes' sessions and services' versions, from resources to what a proxy is told."""

import pytest
from plugin_fixtures import GivenEntry
from resource_scenarios import ask, gateway_node, service, sidecar_node, store_of, workload

from hauberk_canary import control
from hauberk_canary.config import Session, read_config
from hauberk_control.plugins import PluginTranslation
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.node import Node
from hauberk_control.translate.translate import Translation, Translator
from hauberk_core.config import check_whole
from hauberk_core.model.route import Route
from hauberk_core.plugin.control import JsonObject, PolicyUse
from hauberk_core.plugin.control_plugins import read_policy
from hauberk_core.plugin.host import control_host

HOST = control_host([GivenEntry("canary", control)], frozenset())
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: hauberk
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
REVIEWS = (
    service("reviews", 9080)
    + workload("reviews-v1", 20001, app="reviews", version="v1", account="reviews")
    + workload("reviews-v2", 20002, app="reviews", version="v2", account="reviews")
    + workload("reviews-v2b", 20003, app="reviews", version="v2", account="reviews")
)
SERVICE_POLICY = """
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: reviews}
spec:
  targetRefs: [{group: "", kind: Service, name: reviews}]
  plugin: canary
  config: CONFIG
"""
V1 = "outbound|9080|v1|reviews.default.svc.cluster.local"
V2 = "outbound|9080|v2|reviews.default.svc.cluster.local"


def route(persistence: str, path: str = "{path: {value: /}}", more: str = "") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: web}}]
  rules:
  - matches: [{path}]
    backendRefs: [{{name: reviews, port: 9080}}]
    sessionPersistence: {persistence}
  {more}
"""


PLAIN = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs: [{name: reviews, port: 9080}]
"""


def told(node: Node, *texts: str) -> Translation:
    translator = Translator(lambda plugin, kind, config: read_policy(HOST, plugin, kind, config))
    translation = PluginTranslation(translator, HOST, lambda purpose: f"a secret for {purpose}").translate(store_of(*texts), node)
    check_whole(translation.snapshot, "")
    return translation


def rules(translation: Translation, table: str = "port-80") -> tuple[Route, ...]:
    (host,) = translation.snapshot.route_tables[table].virtual_hosts
    return host.routes


def session(text: str, index: int = 0) -> Session:
    (use,) = rules(told(gateway_node(), GATEWAY, REVIEWS, text))[index].plugins
    assert (use.plugin, use.failure) == ("canary", "open")
    found = read_config(use.config.decode()).session
    assert found is not None
    return found


def test_every_field_of_a_session_reaches_the_proxy() -> None:
    found = session(
        route("{sessionName: cart, type: Cookie, absoluteTimeout: 1h, idleTimeout: 90s, cookieConfig: {lifetimeType: Permanent}}")
    )
    assert found == Session(
        name="cart",
        scope="default/shop/cart",
        secret="a secret for canary sessions",
        type="cookie",
        absolute=3600.0,
        idle=90.0,
        permanent=True,
        paths=("/",),
    )
    header = session(route("{sessionName: X-Cart, type: Header}"))
    assert (header.type, header.name, header.absolute, header.idle, header.permanent) == ("header", "X-Cart", 0.0, 0.0, False)


def test_sessions_without_a_name_have_one_of_their_own_in_each_rule() -> None:
    second = "- {backendRefs: [{name: reviews, port: 9080}], matches: [{path: {value: /b}}], sessionPersistence: {}}"
    text = route("{}", "{path: {value: /a}}", second)
    names = {session(text, 0).name, session(text, 1).name}
    assert len(names) == 2
    assert all(name.startswith("hauberk-") for name in names)


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ("{path: {value: /}}", "/"),
        ("{path: {value: /cart/}}", "/cart"),
        ("{path: {type: Exact, value: /cart/pay}}", "/cart/pay"),
        ("{path: {type: RegularExpression, value: '/p1/p2/[^/]+/p3'}}", "/p1/p2"),
        ("{path: {type: RegularExpression, value: '/p1(/p2)?'}}", "/"),
        ("{path: {type: RegularExpression, value: '(/a|/b)'}}", "/"),
        ("{path: {type: RegularExpression, value: '/a/x; Domain=evil/.*'}}", "/a"),
        ("{path: {value: /a;b/c}}", "/"),
    ],
)
def test_a_cookie_s_path_is_that_of_its_match(match: str, path: str) -> None:
    assert session(route("{}", match)).paths == (path,)


@pytest.mark.parametrize(
    ("persistence", "message"),
    [
        ("{cookieConfig: {lifetimeType: Permanent}}", "must say for how long"),
        ("{type: Header, cookieConfig: {}}", "carried in a header"),
        ("{sessionName: 'a;b'}", "no cookie's name"),
        ("{type: Header, sessionName: Content-Length}", "belongs to the connection"),
    ],
)
def test_a_wrong_session_is_refused_with_its_place(persistence: str, message: str) -> None:
    from hauberk_core.resources.read import read_file

    errors = read_file(route(persistence).encode(), "shop.yaml").errors
    assert [message in error.message for error in errors] == [True]
    assert errors[0].line > 1
    assert "sessionPersistence" in errors[0].path


def test_a_session_goes_before_policies_of_the_same_route() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 1, v2: 1}}").replace("config:", "priority: 5\n  config:")
    (rule,) = rules(told(gateway_node(), GATEWAY, REVIEWS, route("{}"), policy))
    chosen = sorted(rule.plugins, key=lambda use: use.priority)
    assert ["session" in use.config.decode() for use in chosen] == [True, False]


def test_a_service_is_divided_among_versions_wherever_it_is_called() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 90, v2: 10}, sticky: {header: x-user}}")
    sidecar = sidecar_node(outbound={"reviews.default:9080": 15001}, http_proxy_port=15099)
    for node, table, texts in (
        (gateway_node(), "port-80", [GATEWAY, PLAIN]),
        (sidecar, "outbound|reviews.default:9080", []),
        (sidecar, "http-proxy", []),
    ):
        translation = told(node, REVIEWS, policy, *texts)
        assert translation.problems == ()
        (rule,) = rules(translation, table)
        first, second = rule.backends
        assert (first.cluster, second.cluster, first.weight / second.weight) == (V1, V2, 9.0)
        (use,) = rule.plugins
        assert use.config.decode()["sticky"] == {"header": "x-user"}
        clusters = translation.snapshot.clusters
        assert [len(clusters[name].endpoints) for name in (V1, V2)] == [1, 2]
        assert clusters[V2].labels["destination_version"] == "v2"


def test_its_workloads_own_sidecars_are_left_alone() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 90, v2: 10}}")
    node = sidecar_node("reviews-v1", labels={"app": "reviews", "version": "v1"}, inbound={9080: (1, 2)})
    translation = told(node, REVIEWS, policy)
    assert translation.snapshot.listeners["inbound|9080||"].filter_chains[0].plugins == ()


def test_a_weighted_route_to_a_divided_service_multiplies() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 3, v2: 1}}")
    text = PLAIN.replace("backendRefs: [", "backendRefs: [{name: old, port: 9080, weight: 4}, ").replace(
        "9080}]", "9080, weight: 4}]"
    )
    (rule,) = rules(told(gateway_node(), GATEWAY, REVIEWS, service("old", 9080), policy, text))
    total = sum(backend.weight for backend in rule.backends)
    assert [backend.weight / total for backend in rule.backends] == [0.5, 0.375, 0.125]


def test_a_version_without_workloads_is_an_empty_cluster_and_without_weight_none_comes() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 0, v9: 1}}")
    translation = told(gateway_node(), GATEWAY, REVIEWS, PLAIN, policy)
    v9 = V1.replace("|v1|", "|v9|")
    assert [(backend.cluster, backend.weight) for backend in rules(translation)[0].backends] == [(V1, 0), (v9, 1)]
    assert translation.snapshot.clusters[v9].endpoints == ()
    assert ask(translation.snapshot, "port-80").cluster == v9


SUBSETS = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: old, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}
  - {name: v2, labels: {app: reviews}}
"""


def test_a_version_takes_over_the_settings_of_the_subset_that_it_is() -> None:
    policy = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 1, v2: 1}}")
    translation = told(gateway_node(), GATEWAY, REVIEWS, PLAIN, policy, SUBSETS)
    names = [backend.cluster.split("|")[2] for backend in rules(translation)[0].backends]
    assert names == ["old", "version~v2"], "v2 is the name of another subset"
    clusters = translation.snapshot.clusters
    assert clusters[V1.replace("|v1|", "|old|")].load_balancing == "round_robin"
    assert len(clusters[V2].endpoints) == 3
    assert len(clusters[V2.replace("|v2|", "|version~v2|")].endpoints) == 2


def test_of_two_policies_the_older_divides_and_the_other_is_told() -> None:
    first = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 1}}").replace("name: reviews}\nspec", "name: a}\nspec")
    second = SERVICE_POLICY.replace("CONFIG", "{versions: {v2: 1}}").replace("name: reviews}\nspec", "name: b}\nspec")
    translation = told(gateway_node(), GATEWAY, REVIEWS, PLAIN, second, first)
    assert [backend.cluster for backend in rules(translation)[0].backends] == [V1]
    (problem,) = translation.problems
    assert "an older policy divides" in problem.message
    assert problem.severity == "warning"


def test_a_port_s_own_versions_go_before_the_service_s() -> None:
    whole = SERVICE_POLICY.replace("CONFIG", "{versions: {v1: 1}}")
    port = SERVICE_POLICY.replace("CONFIG", "{versions: {v2: 1}}").replace("name: reviews}\nspec", "name: port}\nspec")
    port = port.replace("name: reviews}]", "name: reviews, sectionName: http-9080}]")
    (rule,) = rules(told(gateway_node(), GATEWAY, REVIEWS, PLAIN, whole, port))
    assert [backend.cluster for backend in rule.backends] == [V2]


@pytest.mark.parametrize(
    ("target", "config", "message"),
    [
        ('group: "", kind: Service, name: reviews', "{}", "add versions"),
        ("group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop", "{versions: {v1: 1}}", "versions divide a Service"),
        ("group: gateway.networking.k8s.io, kind: Gateway, name: web", "{sticky: {}}", "exactly one of"),
        (
            "group: gateway.networking.k8s.io, kind: Gateway, name: web",
            "{session: {name: a, scope: b, secret: 0123456789abcdef}}",
            "session",
        ),
    ],
)
def test_a_wrong_policy_is_refused_before_any_proxy_hears_of_it(target: str, config: str, message: str) -> None:
    text = SERVICE_POLICY.replace("CONFIG", config).replace('group: "", kind: Service, name: reviews', target)
    texts = (GATEWAY, REVIEWS, PLAIN, text)
    translation = told(gateway_node(), *texts)
    (problem,) = translation.problems
    assert message in problem.message
    assert (problem.line > 0, problem.path) == (True, "spec.config")
    assert rules(translation)[0].plugins == translation.snapshot.listeners["port-80"].filter_chains[0].plugins == ()
    translator = Translator(lambda plugin, kind, config: read_policy(HOST, plugin, kind, config))
    status = view_statuses(translator.view(store_of(*texts)))[ObjectKey("hauberk.dev", "PluginPolicy", "default", "reviews")]
    assert status.conditions[0].reason == "Invalid"


def test_switched_off_it_adds_nothing() -> None:
    off = control_host([GivenEntry("canary", control)], frozenset(["canary"]))
    assert read_policy(off, "canary", "Service", JsonObject.of({"versions": {"v1": 1}})) == PolicyUse()
    store = store_of(GATEWAY, REVIEWS, route("{}"))
    translation = PluginTranslation(Translator(), off, str.upper).translate(store, gateway_node())
    assert rules(translation)[0].plugins == ()
