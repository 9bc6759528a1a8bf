"""What an HTTPRoute asks for beyond matching and dividing: retries, mirrors, CORS, and hosts of other listeners."""

import pytest
import trustme
from resource_scenarios import ask, gateway_node, secret, service, store_of, workload

from hauberk_control.status.statuses import statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Reason, Route
from hauberk_core.model.cors import Cors
from hauberk_core.model.duration import Duration
from hauberk_core.model.mirror import Mirror
from hauberk_core.model.retry import MOST_RETRIES, Retry

WORLD = "".join(
    [service(name) + workload(f"{name}-v1", 20000 + index, app=name) for index, name in enumerate(("reviews", "shadow"))]
)
SHADOW = "outbound|9080||shadow.default.svc.cluster.local"


def gateway(listeners: str = "[{name: http, port: 80, protocol: HTTP}]") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec: {{gatewayClassName: hauberk, listeners: {listeners}}}
"""


def route(more: str, name: str = "shop", spec: str = "parentRefs: [{name: web}]") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  {spec}
  rules:
  - backendRefs: [{{name: reviews, port: 9080}}]
    {more}
"""


def told(*texts: str) -> Translation:
    translation = translate(store_of(*texts), gateway_node())
    check_whole(translation.snapshot, "")
    return translation


def rule(more: str) -> tuple[Route, Translation]:
    translation = told(gateway(), route(more), WORLD)
    [host] = translation.snapshot.route_tables["port-80"].virtual_hosts
    return host.routes[0], translation


@pytest.mark.parametrize(
    ("text", "retry"),
    [
        ("{}", Retry()),
        ("{codes: [500, 503], attempts: 4, backoff: 100ms}", Retry(codes=(500, 503), attempts=4, backoff=Duration(0.1))),
        ("{attempts: 0, codes: [500]}", None),
        ("{backoff: 0s}", Retry()),
    ],
)
def test_retries(text: str, retry: Retry | None) -> None:
    made, translation = rule(f"retry: {text}")
    assert (made.retry, translation.problems) == (retry, ())


def test_more_retries_than_are_made_are_told() -> None:
    made, translation = rule("retry: {attempts: 100}")
    assert made.retry == Retry(attempts=MOST_RETRIES)
    assert [(one.severity, one.path) for one in translation.problems] == [("warning", "spec.rules[0].retry.attempts")]


def test_mirrors_and_their_shares() -> None:
    filters = ", ".join(
        [
            f"{{type: RequestMirror, requestMirror: {{backendRef: {{name: shadow, port: 9080}}{share}}}}}"
            for share in ("", ", percent: 20", ", fraction: {numerator: 1, denominator: 4}", ", percent: 0")
        ]
    )
    made, translation = rule(f"filters: [{filters}]")
    assert made.mirrors == tuple([Mirror(cluster=SHADOW, share=share) for share in (1.0, 0.2, 0.25)])
    assert SHADOW in translation.snapshot.clusters


def test_a_mirror_that_leads_nowhere_is_told_and_the_rest_goes_on() -> None:
    text = route("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: nowhere, port: 9080}}}]")
    translation = told(gateway(), text, WORLD)
    [problem] = translation.problems
    assert problem.path == "spec.rules[0].filters[0].requestMirror.backendRef"
    assert "it gets no copies" in problem.message
    assert ask(translation.snapshot, "port-80").cluster
    key = ObjectKey("gateway.networking.k8s.io", "HTTPRoute", "default", "shop")
    [parent] = statuses(store_of(gateway(), text, WORLD))[key].parents
    assert [(one.type, one.status, one.reason) for one in parent.conditions] == [
        ("Accepted", "True", "Accepted"),
        ("ResolvedRefs", "False", "BackendNotFound"),
    ]


def test_cors() -> None:
    made, translation = rule(
        "filters: [{type: CORS, cors: {allowOrigins: ['https://*.shop.test'], allowCredentials: true, allowMethods: [GET, PUT], "
        "allowHeaders: [x-one], exposeHeaders: [x-two], maxAge: 60}}]"
    )
    assert translation.problems == ()
    assert made.cors == Cors(
        allow_origins=("https://*.shop.test",),
        allow_credentials=True,
        allow_methods=("GET", "PUT"),
        allow_headers=("x-one",),
        expose_headers=("x-two",),
        max_age=60,
    )


def test_a_host_that_another_listener_is_there_for_is_misdirected() -> None:
    listeners = ", ".join(
        [
            f"{{name: {name}, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: shop}}]}}{host}}}"
            for name, host in (
                ("any", ""),
                ("second", ", hostname: second.test"),
                ("wild", ", hostname: '*.wild.test'"),
                ("fourth", ", hostname: fourth.wild.test"),
            )
        ]
    )
    routes = [
        route("", name, f"parentRefs: [{{name: web, sectionName: {name}}}]\n  hostnames: {hosts}")
        for name, hosts in (("any", "[first.test]"), ("second", "[]"), ("wild", "[]"), ("fourth", "[]"))
    ]
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("first.test", key_type=trustme.KeyType.ECDSA)
    pair = secret("shop", leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())
    snapshot = told(gateway(f"[{listeners}]"), WORLD, pair, *routes).snapshot
    outcomes = {
        "any": {"first.test": 200, "second.test": 421, "a.wild.test": 421, "other.test": 404},
        "second": {"second.test": 200, "first.test": 421, "other.test": 421},
        "wild": {"a.wild.test": 200, "fourth.wild.test": 421, "second.test": 421, "other.test": 421},
        "fourth": {"fourth.wild.test": 200, "a.wild.test": 421},
    }
    for listener, hosts in outcomes.items():
        for host, status in hosts.items():
            decision = ask(snapshot, f"port-443/{listener}", host=host)
            assert (decision.reason.status if decision.reason else 200) == status, (listener, host)
    assert ask(snapshot, "port-443/second", host="first.test").reason is Reason.MISDIRECTED
