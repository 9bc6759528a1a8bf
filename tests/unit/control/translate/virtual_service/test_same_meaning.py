"""What means the same as a rule of an HTTPRoute is the same to a proxy."""

from typing import NamedTuple

import msgspec
import pytest
from resource_scenarios import sidecar_node, store_of
from virtual_service_scenarios import OUTBOUND, TABLE, WORLD, virtual_service

from hauberk_control.translate.translate import translate
from hauberk_core.model import Route


class Pair(NamedTuple):
    """One rule, as both APIs say it."""

    istio: str
    gateway_api: str


PAIRS = {
    "weights": Pair(
        "{route: [{destination: {host: reviews}, weight: 3}, {destination: {host: ratings}, weight: 1}]}",
        "{backendRefs: [{name: reviews, port: 9080, weight: 3}, {name: ratings, port: 9080}]}",
    ),
    "match, time and retries": Pair(
        """{
      match: [{uri: {exact: /a}, method: {exact: GET}, headers: {x: {regex: a+}}, queryParams: {q: {exact: "1"}}}],
      timeout: 3s,
      retries: {attempts: 3, retryOn: "503,reset", perTryTimeout: 1s},
      route: [{destination: {host: reviews}}]}""",
        """{
      matches: [{path: {type: Exact, value: /a}, method: GET, headers: [{type: RegularExpression, name: x, value: a+}],
                 queryParams: [{name: q, value: "1"}]}],
      timeouts: {request: 3s, backendRequest: 1s},
      retry: {codes: [503], attempts: 3},
      backendRefs: [{name: reviews, port: 9080}]}""",
    ),
    "headers, mirror and authority": Pair(
        """{
      headers: {request: {set: {a: "1"}, add: {b: "2"}, remove: [c]}, response: {set: {d: "4"}}},
      mirrors: [{destination: {host: ratings}, percentage: {value: 25}}],
      rewrite: {authority: other.test},
      route: [{destination: {host: reviews}}]}""",
        """{
      filters: [
        {type: RequestHeaderModifier,
         requestHeaderModifier: {set: [{name: a, value: "1"}], add: [{name: b, value: "2"}], remove: [c]}},
        {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: d, value: "4"}]}},
        {type: RequestMirror, requestMirror: {backendRef: {name: ratings, port: 9080}, percent: 25}},
        {type: URLRewrite, urlRewrite: {hostname: other.test}}],
      backendRefs: [{name: reviews, port: 9080}]}""",
    ),
    "headers of a share": Pair(
        """{route: [
        {destination: {host: reviews}, weight: 1, headers: {request: {set: {a: "1"}}}},
        {destination: {host: ratings}, weight: 1, headers: {response: {remove: [b]}}}]}""",
        """{backendRefs: [
        {name: reviews, port: 9080,
         filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "1"}]}}]},
        {name: ratings, port: 9080, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [b]}}]}]}""",
    ),
    "redirect": Pair(
        "{match: [{uri: {exact: /a}}], redirect: {uri: /b, authority: shop.test, scheme: https, redirectCode: 302}}",
        """{
      matches: [{path: {type: Exact, value: /a}}],
      filters: [{type: RequestRedirect, requestRedirect:
        {scheme: https, hostname: shop.test, port: 443, path: {type: ReplaceFullPath, replaceFullPath: /b}}}]}""",
    ),
    "rewrite and CORS": Pair(
        """{
      match: [{uri: {exact: /a}}],
      rewrite: {uri: /b},
      corsPolicy: {allowOrigins: [{exact: "https://shop.test"}], allowMethods: [PUT], allowHeaders: [x], exposeHeaders: [y],
                   allowCredentials: true, maxAge: 60s},
      route: [{destination: {host: reviews}}]}""",
        """{
      matches: [{path: {type: Exact, value: /a}}],
      filters: [
        {type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /b}}},
        {type: CORS, cors: {allowOrigins: ["https://shop.test"], allowMethods: [PUT], allowHeaders: [x], exposeHeaders: [y],
                            allowCredentials: true, maxAge: 60}}],
      backendRefs: [{name: reviews, port: 9080}]}""",
    ),
}


def http_route(rule: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: reviews}}
spec:
  parentRefs: [{{group: "", kind: Service, name: reviews}}]
  rules:
  - {rule}
"""


def routed(text: str) -> Route:
    """The one rule, but for what tells it from others."""
    translation = translate(store_of(WORLD, text), sidecar_node(outbound=OUTBOUND))
    assert translation.problems == ()
    [host] = translation.snapshot.route_tables[TABLE].virtual_hosts
    [route] = host.routes
    return msgspec.structs.replace(route, name="", order=0)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_both_give_one_rule(pair: Pair) -> None:
    assert routed(virtual_service(pair.istio)) == routed(http_route(pair.gateway_api))
