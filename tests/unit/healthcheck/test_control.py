"""Policies that check the endpoints of a Service, from resources to what a proxy is told."""

import pytest
from plugin_fixtures import GivenEntry
from resource_scenarios import service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import Translation, Translator
from hauberk_core.config import check_whole
from hauberk_core.plugin.control_plugins import read_policy
from hauberk_core.plugin.host import control_host
from hauberk_healthcheck import control

HOST = control_host([GivenEntry("healthcheck", control)], frozenset())
WHOLE = "outbound|9080||reviews.default.svc.cluster.local"
OTHER = "outbound|9090||reviews.default.svc.cluster.local"
MESH = (
    service("reviews", 9080, 9090)
    + workload("reviews-v1", 20001, app="reviews")
    + workload("reviews-v2", 20002, app="reviews", version="v2")
    + service("ratings")
)


def policy(name: str, path: str, target: str = 'group: "", kind: Service, name: reviews', config: str = "") -> str:
    return f"""
---
apiVersion: hauberk.dev/v1alpha1
kind: PluginPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{{{target}}}]
  plugin: healthcheck
  config: {config or f"{{http: {{path: {path}}}}}"}
"""


def told(*texts: str) -> Translation:
    translator = Translator(lambda plugin, kind, config: read_policy(HOST, plugin, kind, config))
    node = sidecar_node(http_proxy_port=15099, labels={"istio-locality": "eu.a"})
    translation = translator.translate(store_of(MESH, *texts), node)
    assert [mistake for mistake in check_whole(translation.snapshot, "") if mistake.severity == "error"] == []
    return translation


def checks(translation: Translation, cluster: str) -> list[str]:
    return [str(use.config.decode()["http"]) for use in translation.snapshot.clusters[cluster].plugins]


def test_every_cluster_of_the_service_is_checked_wherever_it_is_called() -> None:
    rule = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v2, labels: {version: v2}}]}
"""
    translation = told(policy("whole", "/healthz"), rule)
    assert checks(translation, WHOLE) == checks(translation, OTHER) == ["{'path': '/healthz'}"]
    assert checks(translation, WHOLE.replace("||", "|v2|")) == ["{'path': '/healthz'}"]
    assert translation.snapshot.clusters["outbound|9080||ratings.default.svc.cluster.local"].plugins == ()
    assert not any(chain.plugins for listener in translation.snapshot.listeners.values() for chain in listener.filter_chains)


def test_a_ports_own_policy_goes_before_the_services() -> None:
    port = 'group: "", kind: Service, name: reviews, sectionName: http-9090'
    translation = told(policy("whole", "/whole"), policy("port", "/port", port))
    assert checks(translation, WHOLE) == ["{'path': '/whole'}"]
    assert checks(translation, OTHER) == ["{'path': '/port'}"]


def test_what_is_checked_is_preferred_by_where_it_is() -> None:
    far = """
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: far}
spec: {address: 127.0.0.1, ports: {http-9080: 20009}, labels: {app: reviews}, locality: us/a}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: near}
spec: {address: 127.0.0.1, ports: {http-9080: 20008}, labels: {app: reviews}, locality: eu/a}
"""
    found = {one.address: one.priority for one in told(policy("whole", "/"), far).snapshot.clusters[WHOLE].endpoints}
    assert found["127.0.0.1:20008"] == 0
    assert found["127.0.0.1:20009"] > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (policy("wrong", "", config="{http: {path: healthz}}"), "http.path"),
        (policy("wrong", "/", "group: gateway.networking.k8s.io, kind: Gateway, name: web"), "has no endpoints to check"),
    ],
)
def test_what_is_wrong_is_told_and_has_no_effect(text: str, said: str) -> None:
    translation = told(text)
    assert any(said in problem.message for problem in translation.problems)
    assert translation.snapshot.clusters[WHOLE].plugins == ()
