"""VirtualServices as they are written."""

import pytest

from hauberk_core.resources import VirtualService
from hauberk_core.resources.decode import decode_object
from hauberk_core.resources.read import read_file

HEAD = "apiVersion: networking.istio.io/VERSION\nkind: VirtualService\nmetadata: {name: reviews}\nspec:\n"
EVERYTHING = """
  hosts: [reviews, "*.shop.svc.cluster.local", ratings.prod.svc.cluster.local, "*"]
  gateways: [mesh, istio-system/edge]
  exportTo: [".", prod]
  http:
  - name: first
    match:
    - name: a
      uri: {prefix: /reviews}
      scheme: {exact: http}
      method: {regex: GET|HEAD}
      authority: {exact: "reviews:9080"}
      headers: {end-user: {exact: jason}, cookie: {}}
      withoutHeaders: {x: {prefix: a}}
      queryParams: {q: {exact: "1"}}
      ignoreUriCase: true
      port: 9080
      sourceLabels: {app: tester}
      sourceNamespace: prod
      gateways: [mesh]
      statPrefix: p
    route:
    - destination: {host: reviews, subset: v2, port: {number: 9080}}
      weight: 25
      headers: {request: {set: {a: b}, add: {c: d}, remove: [e]}, response: {remove: [f]}}
    - destination: {host: reviews, subset: v1}
      weight: 75
    rewrite: {uri: /, authority: reviews.test}
    timeout: 10s
    retries:
      {attempts: 3, perTryTimeout: 2s, retryOn: "gateway-error,503", retryRemoteLocalities: true,
       retryIgnorePreviousHosts: true, backoff: 50ms}
    fault:
      delay: {percentage: {value: 0.1}, fixedDelay: 5s}
      abort: {httpStatus: 400, percentage: {value: 5}}
    mirror: {host: reviews, subset: v3}
    mirrorPercentage: {value: 50}
    corsPolicy:
      {allowOrigins: [{exact: "https://example.com"}, {regex: ".*"}], allowMethods: [POST], allowHeaders: [x],
       exposeHeaders: [y], maxAge: 24h, allowCredentials: false, unmatchedPreflights: IGNORE}
    headers: {request: {set: {":authority": a.test}}}
  - redirect: {uri: /v1, authority: new.test, scheme: https, derivePort: FROM_PROTOCOL_DEFAULT, redirectCode: 308}
  - directResponse: {status: 503, body: {string: "unknown error"}}
  - delegate: {name: other, namespace: prod}
  - rewrite: {uriRegexRewrite: {match: a, rewrite: b}}
    mirrors: [{destination: {host: a}, percentage: {value: 1}}]
    route: [{destination: {host: reviews}}]
  tcp:
  - match: [{port: 27017, destinationSubnets: [10.0.0.0/8], sourceLabels: {app: a}, gateways: [mesh]}]
    route: [{destination: {host: mongo}, weight: 100}]
  tls:
  - match: [{sniHosts: [login.test], port: 443, destinationSubnets: [10.0.0.0/8]}]
    route: [{destination: {host: login}}]
"""
TO = "route: [{destination: {host: a}}]"
MANY_MATCHES = f"{{match: [{', '.join(['{port: 1}'] * 128)}], {TO}}}"


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_everything_that_istio_has_is_read(version: str) -> None:
    read = read_file((HEAD.replace("VERSION", version) + EVERYTHING).encode(), "a.yaml")
    assert [str(error) for error in read.errors] == []
    value = read.objects[0].value
    assert isinstance(value, VirtualService)
    first = value.spec.http[0]
    assert first.retries is not None
    assert (first.match[0].source_labels, first.retries.retry_on) == ({"app": "tester"}, "gateway-error,503")


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ("{hosts: [a], http: [{}]}", "spec.http[0]", "leads nowhere"),
        (f"{{hosts: [a], http: [{{{TO}, redirect: {{uri: /}}}}]}}", "spec.http[0].redirect", "both route and redirect"),
        (
            "{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}",
            "spec.http[0].route",
            "no destination has a weight",
        ),
        (
            f"{{hosts: [a], http: [{{{TO}, mirror: {{host: a}}, mirrors: [{{destination: {{host: b}}}}]}}]}}",
            "spec.http[0].mirrors",
            "both",
        ),
        (f"{{hosts: [a], http: [{{match: [{{uri: {{}}}}], {TO}}}]}}", "spec.http[0].match[0].uri", "without content"),
        (
            f"{{hosts: [a], http: [{{match: [{{uri: {{exact: /a, prefix: /b}}}}], {TO}}}]}}",
            "spec.http[0].match[0].uri.prefix",
            "both exact and prefix",
        ),
        (f"{{hosts: [a], http: [{{match: [{{urn: {{}}}}], {TO}}}]}}", "spec.http[0].match[0].urn", "no member is called 'urn'"),
        (f"{{hosts: [a], http: [{{timeout: 5, {TO}}}]}}", "spec.http[0].timeout", "expected a duration"),
        (
            f"{{hosts: [a], http: [{{headers: {{request: {{set: {{te: x}}}}}}, {TO}}}]}}",
            "spec.http[0].headers.request.set.te",
            "belongs to",
        ),
        ("{hosts: [a], http: [{redirect: {redirectCode: 200}}]}", "spec.http[0].redirect.redirectCode", "not one of the values"),
        (
            "{hosts: [a], http: [{redirect: {port: 1, derivePort: FROM_REQUEST_PORT}}]}",
            "spec.http[0].redirect.derivePort",
            "both",
        ),
        ("{hosts: [a, a]}", "spec.hosts[1]", "a second mention"),
        ("{hosts: ['a*']}", "spec.hosts[0]", "is no host"),
        ("{hosts: ['a..b']}", "spec.hosts[0]", "is no host"),
        ("{hosts: ['a/b']}", "spec.hosts[0]", "is no host"),
        ("{hosts: [a], tls: [{route: [{destination: {host: a}}]}]}", "spec.tls[0]", "'match' missing"),
        ("{hosts: [a], tcp: [{route: []}]}", "spec.tcp[0].route", "at least 1"),
    ],
)
def test_mistakes_are_told_with_their_places(spec: str, path: str, message: str) -> None:
    text = HEAD.replace("VERSION", "v1").replace("spec:\n", f"spec: {spec}\n")
    read = read_file(text.encode(), "a.yaml")
    assert read.objects == ()
    [error] = read.errors
    assert (error.path, error.severity) == (path, "error")
    assert message in error.message


@pytest.mark.parametrize(
    "spec",
    [
        f"{{hosts: [{', '.join([f'h{n}' for n in range(513)])}]}}",
        f"{{hosts: [a], http: [{', '.join([f'{{{TO}}}'] * 513)}]}}",
        f"{{hosts: [a], http: [{{match: [{', '.join(['{port: 1}'] * 129)}], {TO}}}]}}",
        f"{{hosts: [a], http: [{', '.join([MANY_MATCHES] * 17)}]}}",
        f"{{hosts: [a], http: [{{route: [{', '.join(['{destination: {host: a}, weight: 1}'] * 65)}]}}]}}",
        f"{{hosts: [a], http: [{{mirrors: [{', '.join(['{destination: {host: a}}'] * 17)}], {TO}}}]}}",
        f"{{hosts: [a], http: [{{match: [{{headers: {{{', '.join([f'h{n}: {{}}' for n in range(65)])}}}}}], {TO}}}]}}",
        f"{{hosts: [a], http: [{{headers: {{request: {{set: {{{', '.join([f'h{n}: v' for n in range(65)])}}}}}}}, {TO}}}]}}",
        f"{{hosts: [a], gateways: [{', '.join(['g'] * 65)}]}}",
    ],
)
def test_every_list_has_a_bound(spec: str) -> None:
    read = read_file(HEAD.replace("VERSION", "v1").replace("spec:\n", f"spec: {spec}\n").encode(), "a.yaml")
    assert read.objects == ()
    assert any("at most" in error.message or "are allowed" in error.message for error in read.errors)


def test_a_field_of_a_newer_cluster_is_dropped_and_told() -> None:
    rule = b'{"later": 1, "route": [{"destination": {"host": "a"}}]}'
    data = b'{"metadata": {"name": "a"}, "spec": {"hosts": ["a"], "http": [%s]}}' % rule
    found = decode_object(data, VirtualService, "a", "networking.istio.io/v1")
    assert found.value is not None
    assert [(error.path, error.severity) for error in found.errors] == [("spec.http[0].later", "warning")]
