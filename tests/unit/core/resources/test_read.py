"""Objects come out of files as people write them; what is wrong is told with its place, and spoils nothing else."""

import json
from textwrap import dedent
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.document import MOST_ERRORS
from hauberk_core.resources import (
    DestinationRule,
    EndpointSlice,
    Gateway,
    GatewayClass,
    HTTPRoute,
    Namespace,
    PeerAuthentication,
    PluginPolicy,
    ReferenceGrant,
    Resource,
    Secret,
    Service,
    ServiceAccount,
    WorkloadEntry,
)
from hauberk_core.resources.read import read_file
from hauberk_core.resources.yaml import LARGEST_FILE

BOOKS: Final = """\
# As `kubectl get -o yaml` and people's repositories have them.
apiVersion: v1
kind: Namespace
metadata:
  name: books
  labels:
    istio-injection: enabled
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: reviews
  namespace: books
  annotations:
imagePullSecrets:
- name: registry
---
apiVersion: v1
kind: Service
metadata:
  name: reviews
  namespace: books
  creationTimestamp: 2026-01-02T03:04:05Z
  managedFields:
  - manager: kubectl
    fieldsV1: {"f:spec": {}}
  labels: &labels
    app: reviews
spec:
  clusterIP: None
  ports:
  - name: http
    port: 9080
    targetPort: web
    appProtocol: http
  - name: metrics
    port: 15020
    targetPort: 15020
  selector: *labels
status:
  loadBalancer: {}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews}
spec: {replicas: 3}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: hauberk}
spec: {controllerName: hauberk.dev/gateway}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata: {name: front, namespace: edge}
spec:
  gatewayClassName: hauberk
  listeners:
  - name: http
    port: 80
    protocol: HTTP
    allowedRoutes: {namespaces: {from: All}}
  - name: https
    hostname: "*.books.test"
    port: 443
    protocol: HTTPS
    tls:
      certificateRefs: [{name: books-tls}]
    allowedRoutes:
      namespaces:
        from: Selector
        selector:
          matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews, namespace: books}
spec:
  parentRefs:
  - {name: front, namespace: edge, sectionName: https}
  hostnames: [shop.books.test]
  rules:
  - name: stars
    matches:
    - path: {type: PathPrefix, value: /reviews}
      headers: [{name: x-user, value: "jason"}]
      queryParams: [{name: stars, value: "yes"}]
      method: GET
    - path: {type: RegularExpression, value: "/r/[0-9]+"}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: x-from, value: gateway}]
        remove: [x-debug]
    timeouts: {request: 10s, backendRequest: 1500ms}
    backendRefs:
    - {name: reviews, port: 9080, weight: 90}
    - {name: reviews-v3, port: 9080, weight: 10}
  - matches:
    - path: {value: /old}
    filters:
    - type: RequestRedirect
      requestRedirect:
        path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}
        statusCode: 301
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: books}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge}]
  to: [{group: "", kind: Service}]
---
apiVersion: v1
kind: Secret
metadata: {name: books-tls, namespace: edge}
type: kubernetes.io/tls
data:
  tls.crt: Y2VydA==
stringData:
  tls.key: |
    key
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: reviews-1
  namespace: books
  labels: {kubernetes.io/service-name: reviews}
addressType: IPv4
endpoints:
- addresses: [10.0.0.7]
  conditions: {ready: true}
ports:
- {name: http, port: 9080}
---
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: reviews, namespace: books}
spec:
  selector: {matchLabels: {app: reviews}}
  mtls: {mode: STRICT}
  portLevelMtls:
    15020: {mode: PERMISSIVE}
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: books}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: LEAST_CONN}
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 30ms}
      http: {http1MaxPendingRequests: 1, http2MaxRequests: 1000, h2UpgradePolicy: UPGRADE}
    outlierDetection:
      consecutive5xxErrors: 7
      interval: 5m
      baseEjectionTime: 168h
    portLevelSettings:
    - port: {number: 15020}
      tls: {mode: DISABLE}
  subsets:
  - name: v1
    labels: {version: v1}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-laptop, namespace: books}
spec:
  address: 127.0.0.1
  ports: {http: 9081}
  labels: {app: reviews, version: v2}
  serviceAccount: reviews
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {name: greet, namespace: books}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: reviews, sectionName: stars}]
  plugin: greeter
  phase: authn
  config: {greeting: null, on: yes, list: [1, {a: 2.5}]}
"""


def _one(text: str, origin: str = "x.yaml") -> Resource:
    read = read_file(dedent(text).encode(), origin)
    assert read.errors == ()
    ((value, _, _, _),) = read.objects
    return value


def test_a_repository_as_people_have_it() -> None:
    read = read_file(BOOKS.encode(), "books.yaml")
    assert [error.message for error in read.errors] == ["passed over, because a mesh does not read them: Deployment"]
    assert [error.severity for error in read.errors] == ["warning"]
    kinds = [Namespace, ServiceAccount, Service, GatewayClass, Gateway, HTTPRoute, ReferenceGrant, Secret, EndpointSlice]
    kinds += [PeerAuthentication, DestinationRule, WorkloadEntry, PluginPolicy]
    assert [type(value) for value, _, _, _ in read.objects] == kinds
    lines = BOOKS.splitlines()
    for value, line, column, _ in read.objects:
        assert lines[line - 1] == f"apiVersion: {value.api_version}"
        assert column == 1
    by_kind = {value.kind: value for value, _, _, _ in read.objects}

    service = by_kind["Service"]
    assert isinstance(service, Service)
    assert [(port.port, port.target_port) for port in service.spec.ports] == [(9080, "web"), (15020, 15020)]
    assert service.spec.selector == {"app": "reviews"}
    assert service.metadata.creation_timestamp == "2026-01-02T03:04:05Z"
    gateway = by_kind["Gateway"]
    assert isinstance(gateway, Gateway)
    selector = gateway.spec.listeners[1].allowed_routes.namespaces.selector
    assert selector is not None
    assert selector.matches({"istio-injection": "enabled"})
    assert not selector.matches({"istio-injection": "disabled"})
    assert not selector.matches({})
    route = by_kind["HTTPRoute"]
    assert isinstance(route, HTTPRoute)
    stars, old = route.spec.rules
    assert stars.timeouts is not None
    assert stars.timeouts.backend_request is not None
    assert stars.timeouts.backend_request.seconds == 1.5
    assert stars.matches[0].query_params[0].value == "yes"
    assert old.filters[0].request_redirect is not None
    assert old.filters[0].request_redirect.status_code == 301
    secret = by_kind["Secret"]
    assert isinstance(secret, Secret)
    assert secret.entries() == ("tls.crt", "tls.key")
    assert (secret.entry("tls.crt"), secret.entry("tls.key"), secret.entry("ca.crt")) == (b"cert", b"key\n", None)
    peers = by_kind["PeerAuthentication"]
    assert isinstance(peers, PeerAuthentication)
    assert {port: own.mode for port, own in peers.spec.port_level_mtls.items()} == {15020: "PERMISSIVE"}
    rule = by_kind["DestinationRule"]
    assert isinstance(rule, DestinationRule)
    assert rule.spec.traffic_policy is not None
    assert rule.spec.traffic_policy.outlier_detection is not None
    assert rule.spec.traffic_policy.outlier_detection.base_ejection_time is not None
    assert rule.spec.traffic_policy.outlier_detection.base_ejection_time.seconds == 168 * 3600
    slices = by_kind["EndpointSlice"]
    assert isinstance(slices, EndpointSlice)
    assert slices.service() == "reviews"
    policy = by_kind["PluginPolicy"]
    assert isinstance(policy, PluginPolicy)
    assert policy.spec.config.decode() == {"greeting": None, "on": "yes", "list": [1, {"a": 2.5}]}


def test_a_secret_does_not_show_what_it_holds() -> None:
    value = _one("""
        apiVersion: v1
        kind: Secret
        metadata: {name: token}
        stringData: {token: hunter2}
        """)
    assert "hunter2" not in repr(value)
    assert "hunter2" not in str(value)


def test_an_object_does_not_show_the_file_that_it_was_read_from() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {token: hunter2}\n"
    read = read_file(text.encode(), "x.yaml")
    assert read.objects[0].written.text == text
    assert "hunter2" not in repr(read.objects)


def test_lists_are_taken_apart_also_in_json() -> None:
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "books"}}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [item, {**item, "metadata": {"name": "edge"}}]}, indent="\t")
    read = read_file(text.encode(), "all.json")
    assert read.errors == ()
    assert [(value.metadata.name, line, column) for value, line, column, _ in read.objects] == [("books", 5, 3), ("edge", 12, 3)]


def test_an_item_of_a_list_may_be_wrong_by_itself() -> None:
    text = "kind: NamespaceList\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: A}}\n"
    read = read_file((text + "- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n").encode(), "x.yaml")
    assert [value.metadata.name for value, _, _, _ in read.objects] == ["b"]
    assert [(error.line, error.column, error.path) for error in read.errors] == [(4, 54, "metadata.name")]


ROUTE: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
  - """

BROKEN: Final = {
    "field misspelt": (ROUTE + "backendRef: []\n", 6, 5, "no member is called 'backendRef'", "did you mean 'backendRefs'?"),
    "field of another level": (ROUTE + "backendRefs: []\n  port: 9080\n", 7, 3, "no member is called 'port'", "known:"),
    "text for a number": (
        ROUTE + "backendRefs: [{name: a, port: '9080'}]\n",
        *(6, 35, "expected a whole number", "write 9080 without"),
    ),
    "number for text": ("apiVersion: v1\nkind: Namespace\nmetadata: {name: 12}\n", 3, 18, "expected text, got 12", "in quotes"),
    "number as label": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {v: 1}}\n",
        *(3, 33, "expected text, got 1", "in quotes"),
    ),
    "object for a list": (ROUTE + "backendRefs: {name: a}\n", 6, 18, "expected a list, got an object", "after a dash"),
    "list for an object": (ROUTE + "timeouts: []\n", 6, 15, "expected an object, got a list", "indented below"),
    "port out of range": (ROUTE + "backendRefs: [{name: a, port: 99999}]\n", 6, 35, "99999 is out of range", "from 1 to 65535"),
    "no port": (ROUTE + "backendRefs: [{name: a}]\n", 6, 19, "named without a port", "add the port"),
    "duration without unit": (ROUTE + "timeouts: {request: 15}\n", 6, 25, "expected a duration, got 15", '"15s"'),
    "duration with fraction": (ROUTE + "timeouts: {request: 1.5s}\n", 6, 25, "'1.5s' is not a duration", "500ms"),
    "timeouts the wrong way": (
        ROUTE + "timeouts: {request: 1s, backendRequest: 2s}\n",
        6,
        45,
        "an attempt may take 2s",
        "at most 1s",
    ),
    "unknown choice": (
        ROUTE + "matches: [{path: {type: Prefix}}]\n",
        6,
        29,
        "'Prefix' is not one of",
        "did you mean 'PathPrefix'",
    ),
    "relative path": (ROUTE + "matches: [{path: {value: x}}]\n", 6, 30, "'x' is not absolute", "'/x'"),
    "filter without its field": (
        ROUTE + "filters: [{type: URLRewrite}]\n",
        6,
        22,
        "URLRewrite without urlRewrite",
        "add urlRewrite",
    ),
    "filter with another's field": (
        ROUTE + "filters: [{type: CORS, cors: {}, urlRewrite: {}}]\n",
        *(6, 38, "urlRewrite has no place in a CORS", "remove it"),
    ),
    "redirect and backends": (
        ROUTE + "filters: [{type: RequestRedirect, requestRedirect: {}}]\n    backendRefs: [{name: a, port: 1}]\n",
        *(6, 15, "a redirect in a rule with backends", "remove it"),
    ),
    "framing header": (
        ROUTE + "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [Connection]}}]\n",
        *(6, 78, "belongs to the connection", "leave it out"),
    ),
    "Host as a header": (
        ROUTE + "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: host, value: a}]}}]\n",
        *(6, 82, "Host cannot be changed", "URLRewrite"),
    ),
    "path with a query": (ROUTE + "matches: [{path: {value: /a?b=c}}]\n", 6, 30, "has a query", "queryParams"),
    "a rule's name twice": (ROUTE + "name: a\n  - name: a\n", 7, 5, "a second rule called 'a'", "keep or rename"),
    "name missing": ("apiVersion: v1\nkind: Namespace\nmetadata: {labels: {}}\n", 3, 11, "'name' missing", "add it"),
    "name in capitals": ("apiVersion: v1\nkind: Service\nmetadata: {name: My_App}\n", 3, 18, "'My_App' is no name", "my-app"),
    "name with dots": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}\n",
        *(3, 18, "'a.b' is no name", "lower case letters, digits and dashes"),
    ),
    "kind missing": ("apiVersion: v1\nmetadata: {name: a}\n", 1, 1, "'kind' missing", "add it"),
    "kind misspelt": ("apiVersion: v1\nkind: Servce\n", 2, 7, "no kind is called 'Servce'", "did you mean 'Service'?"),
    "kind in other case": (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HttpRoute\n",
        *(2, 7, "no kind is called 'HttpRoute'", "did you mean 'HTTPRoute'?"),
    ),
    "group misspelt": (
        "apiVersion: gateway.networking.k8.io/v1\nkind: HTTPRoute\n",
        *(1, 13, "does not belong to the group", "gateway.networking.k8s.io/v1"),
    ),
    "group left out": ("apiVersion: v1\nkind: HTTPRoute\n", 1, 13, "HTTPRoute does not belong", "gateway.networking.k8s.io/v1"),
    "version not served": (
        "apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\n",
        *(1, 13, "HTTPRoute is not served in", "gateway.networking.k8s.io/v1 or"),
    ),
    "kind that must not be passed over": (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n",
        *(2, 7, "does not act on AuthorizationPolicy", "remove it"),
    ),
    "kind with a successor": (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\n",
        *(2, 7, "does not act on Gateway", "gateway.networking.k8s.io/v1"),
    ),
    "no object": ("- a\n", 1, 1, "this is no object", "apiVersion, kind"),
    "text alone": ("Hello\n", 1, 1, "this is no object", "apiVersion, kind"),
    "name twice": (
        "apiVersion: v1\nkind: Namespace\nkind: Service\nmetadata: {name: a}\n",
        3,
        1,
        "'kind' stands here a second time",
        "keep or rename",
    ),
    "tab": ("apiVersion: v1\nkind: Namespace\nmetadata:\n\tname: a\n", 4, 1, "cannot start any token", "blanks"),
    "bracket not closed": (ROUTE + "backendRefs: [{name: a}\n", 7, 1, "flow sequence", "close the bracket"),
    "HTTPS without certificate": (
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n"
            "spec: {gatewayClassName: c, listeners: [{name: l, port: 443, protocol: HTTPS}]}\n"
        ),
        *(4, 72, "an HTTPS listener without tls", "add tls"),
    ),
    "protocol in small letters": (
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n"
            "spec: {gatewayClassName: c, listeners: [{name: l, port: 80, protocol: http}]}\n"
        ),
        *(4, 71, "'http' is no protocol", "write HTTP"),
    ),
    "no listeners": (
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n"
            "spec: {gatewayClassName: c, listeners: []}\n"
        ),
        *(4, 40, "at least 1 items, got 0", "add"),
    ),
    "host name with port": (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {hostnames: ['a.test:80']}\n",
        *(4, 20, "'a.test:80' has a port", "'a.test'"),
    ),
    "ports without names": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 1, name: a}, {port: 2}]}\n",
        *(4, 36, "a port without name", "a name"),
    ),
    "secret that is no base64": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: hunter two}\n",
        *(4, 15, "this is no base64", "stringData"),
    ),
    "TLS secret without key": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/tls\ndata: {tls.crt: YQ==}\n",
        *(5, 1, "without tls.key", "add tls.key"),
    ),
    "mode misspelt": (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {mtls: {mode: strict}}\n",
        *(4, 21, "'strict' is not one of", "did you mean 'STRICT'?"),
    ),
    "ports without selector": (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {portLevelMtls: {80: {}}}\n",
        *(4, 8, "modes for ports without a selector", "matchLabels"),
    ),
    "port that is no number": (
        (
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\n"
            "spec: {selector: {matchLabels: {a: b}}, portLevelMtls: {http: {}}}\n"
        ),
        *(4, 57, "expected a whole number, got 'http'", "without quotes"),
    ),
    "duration of Istio": (
        (
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
            "spec: {host: a, trafficPolicy: {outlierDetection: {interval: 5 minutes}}}\n"
        ),
        *(4, 62, "'5 minutes' is not a duration", "30s"),
    ),
    "two ways to balance": (
        (
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"
            "spec: {host: a, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}}\n"
        ),
        *(4, 64, "both simple and consistentHash", "remove one"),
    ),
    "address of the wrong type": (
        (
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"
            "addressType: IPv4\nendpoints: [{addresses: ['::1']}]\n"
        ),
        *(5, 26, "'::1' is no address of the type IPv4", "correct it"),
    ),
    "workload with port in address": (
        "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\nspec: {address: '127.0.0.1:80'}\n",
        *(4, 17, "'127.0.0.1:80' is no address", "ports"),
    ),
    "plugin's configuration is a list": (
        (
            "apiVersion: hauberk.dev/v1alpha1\nkind: PluginPolicy\nmetadata: {name: p}\n"
            "spec: {plugin: x, config: [], targetRefs: [{group: '', kind: Service, name: s}]}\n"
        ),
        *(4, 27, "is a JSON object", "braces"),
    ),
}

GOOD: Final = "apiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_object_is_told_with_its_place_and_spoils_nothing_else(name: str) -> None:
    text, line, column, message, hint = BROKEN[name]
    read = read_file(f"{GOOD}---\n{text}---\n{GOOD.replace('good', 'other')}".encode(), "x.yaml")
    assert [value.metadata.name for value, _, _, _ in read.objects] == ["good", "other"]
    first = read.errors[0]
    assert (first.origin, first.line - 4, first.column) == ("x.yaml", line, column), str(first)
    assert message in first.message
    assert hint in first.hint
    assert first.severity == "error"


def test_every_mistake_of_an_object_is_told() -> None:
    read = read_file((ROUTE + "timeouts: {request: 1}\n    backendRefs: [{name: A, port: 0}]\n    nam: x\n").encode(), "x.yaml")
    paths = [error.path for error in read.errors]
    assert paths == [
        "spec.rules[0].timeouts.request",
        "spec.rules[0].backendRefs[0].name",
        "spec.rules[0].backendRefs[0].port",
        "spec.rules[0].nam",
    ]


def test_a_secret_is_not_quoted_in_a_message() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: hunter two}\n"
    assert "hunter" not in "".join([str(error) for error in read_file(text.encode(), "x.yaml").errors])


def test_a_foreign_group_is_passed_over_with_a_note() -> None:
    text = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\n---\napiVersion: serving.knative.dev/v1\nkind: Service\n"
    read = read_file(text.encode(), "x.yaml")
    assert read.objects == ()
    assert [(error.severity, error.line) for error in read.errors] == [("warning", 1)]
    assert "Service, ServiceMonitor" in read.errors[0].message


def test_null_is_the_same_as_absent() -> None:
    route = _one("""
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: r, labels: null, creationTimestamp: null}
        spec:
          hostnames:
          rules:
          - matches:
            backendRefs:
            - {name: a, port: 1, namespace: null}
        """)
    assert isinstance(route, HTTPRoute)
    assert route.spec.hostnames == ()
    assert len(route.spec.rules[0].matches) == 1


def test_json_and_yaml_are_read_alike_and_written_values_are_read_back() -> None:
    read = read_file(BOOKS.encode(), "books.yaml")
    for value, _, _, _ in read.objects:
        text = msgspec.json.encode(value, enc_hook=_plain)
        (again,) = read_file(text, "again.json").objects
        assert again.value == value
        (again,) = read_file(text, "again.yaml").objects
        assert again.value == value


def _plain(value: object) -> object:
    decode = getattr(value, "decode", None)
    return decode() if decode else None if repr(value) == "IGNORED" else str(value)


def test_a_file_beyond_the_bound_is_refused_in_both_notations() -> None:
    for origin in ("x.yaml", "x.json"):
        (error,) = read_file(b" " * (LARGEST_FILE + 1), origin).errors
        assert "larger than" in error.message


def test_a_file_of_too_many_documents_is_read_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hauberk_core.resources.read.MOST_DOCUMENTS", 2)
    read = read_file("---\n".join([GOOD.replace("good", name) for name in "abcd"]).encode(), "x.yaml")
    assert [value.metadata.name for value, _, _, _ in read.objects] == ["a", "b"]
    (error,) = read.errors
    assert (error.line, error.message) == (8, "the file has more than 2 documents; this one and those behind it are not read")


@given(st.lists(st.sampled_from([*BOOKS.encode().split(b"\n"), b"- x", b"}", b"  y: [", b"\xff", b"a: &a *a"]), max_size=30))
def test_lines_in_any_order_are_objects_or_mistakes(lines: list[bytes]) -> None:
    for origin in ("x.yaml", "x.json"):
        read = read_file(b"\n".join(lines), origin)
        assert all(error.line >= 1 and error.hint and error.message for error in read.errors)


def test_a_file_that_is_read_again_gives_the_same_as_one_read_for_the_first_time() -> None:
    before = read_file(BOOKS.encode(), "x.yaml")
    text = "# moved\n---\n" + BOOKS.replace("weight: 90", "weight: 80").replace("name: books\n", "nam: books\n")
    again = read_file(text.encode(), "x.yaml", before.pieces)
    fresh = read_file(text.encode(), "x.yaml")
    assert again == fresh
    old = {value.kind: value for value, _, _, _ in before.objects}
    new = {value.kind: value for value, _, _, _ in again.objects}
    assert "Namespace" not in new
    assert new["HTTPRoute"] != old["HTTPRoute"]
    # What has not changed is the same object, and was not read again.
    assert [kind for kind in new if new[kind] is old[kind]] == [kind for kind in old if kind not in ("Namespace", "HTTPRoute")]
    for value, line, column, written in again.objects:
        assert written.place(()) == (line, column)
        assert text.splitlines()[line - 1] == f"apiVersion: {value.api_version}"


def test_mistakes_are_told_up_to_a_bound_and_do_not_hide_what_is_right() -> None:
    read = read_file(("---\n".join([BROKEN["no port"][0]] * 150) + "---\n" + GOOD).encode(), "x.yaml")
    assert len(read.errors) == MOST_ERRORS
    assert [value.metadata.name for value, _, _, _ in read.objects] == ["good"]
