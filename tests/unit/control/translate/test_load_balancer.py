"""How DestinationRules have endpoints chosen."""

import re
from pathlib import Path

import pytest
from resource_scenarios import service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import Translation, translate
from hauberk_core.config import check_whole
from hauberk_core.model import Cluster, Duration, HashBy, Warmup

CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
MESH = service("reviews") + workload("reviews-v1", 20001, app="reviews", version="v1", account="reviews")


def rule(load_balancer: str) -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews}}
spec: {{host: reviews, trafficPolicy: {{loadBalancer: {load_balancer}}}}}
"""


def told(*texts: str) -> Translation:
    translation = translate(store_of(MESH, *texts), sidecar_node(http_proxy_port=15099))
    assert [mistake for mistake in check_whole(translation.snapshot, "") if mistake.severity == "error"] == []
    return translation


def cluster(load_balancer: str) -> Cluster:
    translation = told(rule(load_balancer))
    assert translation.problems == ()
    return translation.snapshot.clusters[CLUSTER]


@pytest.mark.parametrize(
    ("simple", "kind"),
    [
        ("RANDOM", "random"),
        ("ROUND_ROBIN", "round_robin"),
        ("LEAST_REQUEST", "least_request"),
        ("LEAST_CONN", "least_request"),
        ("UNSPECIFIED", "least_request"),
    ],
)
def test_without_anything_to_hash_by(simple: str, kind: str) -> None:
    found = cluster(f"{{simple: {simple}}}")
    assert (found.load_balancing, found.hash_by) == (kind, None)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("httpHeaderName: End-User", HashBy(header="end-user")),
        ("httpQueryParameterName: user", HashBy(query="user")),
        ("useSourceIp: true", HashBy(source_address=True)),
        ("httpCookie: {name: user}", HashBy(cookie="user")),
        (
            "httpCookie: {name: user, path: /shop, ttl: 0s}",
            HashBy(cookie="user", cookie_path="/shop", cookie_lifetime=Duration(0.0)),
        ),
    ],
)
def test_what_is_hashed_by(text: str, by: HashBy) -> None:
    found = cluster(f"{{consistentHash: {{{text}}}}}")
    assert (found.load_balancing, found.hash_by, found.hash_table_size) == ("ring_hash", by, 0)


@pytest.mark.parametrize(
    ("text", "warmup"),
    [
        ("warmup: {duration: 30s}", Warmup(duration=Duration(30.0))),
        ("warmupDurationSecs: 30s", Warmup(duration=Duration(30.0))),
        (
            "warmup: {duration: 1s, minimumPercent: 5, aggression: 2}, simple: ROUND_ROBIN",
            Warmup(duration=Duration(1.0), minimum_percent=5, aggression=2),
        ),
    ],
)
def test_how_new_endpoints_grow(text: str, warmup: Warmup) -> None:
    assert cluster(f"{{{text}}}").warmup == warmup


@pytest.mark.parametrize(
    ("text", "place", "severity"),
    [
        ("warmup: {duration: 10ms}", "warmup.duration", "error"),
        ("warmupDurationSecs: 0s", "warmupDurationSecs", "error"),
        ("warmup: {duration: 5s, minimumPercent: 0}", "warmup.minimumPercent", "error"),
        ("warmup: {duration: 5s, aggression: 0.5}", "warmup.aggression", "error"),
        ("simple: RANDOM, warmup: {duration: 5s}", "warmup", "warning"),
        ("consistentHash: {useSourceIp: true}, warmupDurationSecs: 5s", "warmupDurationSecs", "warning"),
    ],
)
def test_growth_that_cannot_be(text: str, place: str, severity: str) -> None:
    translation = told(rule(f"{{{text}}}"))
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (f"spec.trafficPolicy.loadBalancer.{place}", severity)
    assert translation.snapshot.clusters[CLUSTER].warmup is None


@pytest.mark.parametrize(
    ("text", "kind", "size"),
    [
        ("ringHash: {}", "ring_hash", 0),
        ("ringHash: {minimumRingSize: 5}", "ring_hash", 5),
        ("minimumRingSize: 6", "ring_hash", 6),
        ("maglev: {}", "maglev", 0),
        ("maglev: {tableSize: 1021}", "maglev", 1021),
    ],
)
def test_how_tables_are_made(text: str, kind: str, size: int) -> None:
    found = cluster(f"{{consistentHash: {{useSourceIp: true, {text}}}}}")
    assert (found.load_balancing, found.hash_table_size) == (kind, size)


@pytest.mark.parametrize(
    ("text", "place", "size"),
    [
        ("maglev: {tableSize: 5000011}", "maglev.tableSize", 65537),
        ("ringHash: {minimumRingSize: 20000}", "ringHash.minimumRingSize", 16384),
        ("minimumRingSize: 20000", "minimumRingSize", 16384),
    ],
)
def test_tables_that_are_too_large_are_made_as_large_as_they_are_made(text: str, place: str, size: int) -> None:
    translation = told(rule(f"{{consistentHash: {{useSourceIp: true, {text}}}}}"))
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (f"spec.trafficPolicy.loadBalancer.consistentHash.{place}", "warning")
    assert translation.snapshot.clusters[CLUSTER].hash_table_size == size


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("useSourceIp: false", "useSourceIp"),
        ("httpHeaderName: a b", "httpHeaderName"),
        ("httpQueryParameterName: ''", "httpQueryParameterName"),
        ("httpCookie: {name: a;b}", "httpCookie"),
        ("httpCookie: {name: a, path: shop}", "httpCookie"),
        ("useSourceIp: true, maglev: {tableSize: 1000}", "maglev.tableSize"),
    ],
)
def test_what_is_wrong_refuses_the_rule(text: str, place: str) -> None:
    translation = told(rule(f"{{consistentHash: {{{text}}}}}"))
    [problem] = translation.problems
    assert (problem.path, problem.severity) == (f"spec.trafficPolicy.loadBalancer.consistentHash.{place}", "error")
    assert translation.snapshot.clusters[CLUSTER].load_balancing == "least_request"


def test_what_the_page_shows_is_done(repository: Path) -> None:
    page = (repository / "docs/how-to/load-balancing.md").read_text()
    texts = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    rules = [text for text in texts if "kind: DestinationRule" in text]
    kinds = []
    for text in rules:
        translation = told("\n---\n" + text)
        assert translation.problems == ()
        kinds.append(translation.snapshot.clusters[CLUSTER].load_balancing)
    assert kinds == ["round_robin", "least_request", "least_request", "maglev"]
    [whole] = [text for text in texts if text not in rules]
    translation = translate(store_of(whole, workload("reviews-v1", 20001, app="reviews")), sidecar_node(http_proxy_port=15099))
    assert translation.problems == ()


KEEPING = service("reviews").rstrip() + "\n  sessionAffinity: ClientIP\n" + workload("reviews-v1", 20001, app="reviews")


@pytest.mark.parametrize(
    ("load_balancer", "kind"),
    [
        ("", "ring_hash"),
        ("{simple: UNSPECIFIED}", "ring_hash"),
        ("{localityLbSetting: {enabled: false}}", "ring_hash"),
        ("{simple: ROUND_ROBIN}", "round_robin"),
        ("{warmup: {duration: 30s}}", "least_request"),
    ],
)
def test_a_service_may_keep_its_clients_where_they_are_unless_a_rule_says_otherwise(load_balancer: str, kind: str) -> None:
    rules = (rule(load_balancer),) if load_balancer else ()
    translation = translate(store_of(KEEPING, *rules), sidecar_node(http_proxy_port=15099))
    assert translation.problems == ()
    found = translation.snapshot.clusters[CLUSTER]
    assert (found.load_balancing, found.hash_by) == (kind, HashBy(source_address=True) if kind == "ring_hash" else None)
