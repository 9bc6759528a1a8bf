"""What `hauberk check` finds in a cluster, against an API server on loopback."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from kube_api import Asked, KubeApi, Reply
from trustme import CA

from hauberk_cli.check.checks import Outcome, run_checks
from hauberk_cli.check.cluster import ClusterChecks
from hauberk_cli.check.report import Report
from hauberk_cli.install.objects.definitions import definitions
from hauberk_control.kubernetes.objects import Objects

ROOT = CA().cert_pem.bytes().decode()
END = x509.load_pem_x509_certificate(ROOT.encode()).not_valid_after_utc
NOW = END - dt.timedelta(days=100)
OURS = {"controllerName": "hauberk.dev/gateway"}
WEBHOOKS = [{"clientConfig": {"caBundle": "cm9vdA=="}}]
CONTROL = {"containers": [{"name": "control"}]}
CLASSES, HOOKS = "gateway.networking.k8s.io/v1", "admissionregistration.k8s.io/v1"


def _said(condition: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": condition, "status": status}]}


def _installed(api: KubeApi) -> None:
    """All as it should be."""
    labels = {"app": "hauberk-control"}
    template = {"spec": {"containers": [{"name": "control", "image": "hauberk-control:0.1.0"}]}}
    proxy = {"containers": [{"name": "hauberk-proxy", "image": "hauberk-proxy:0.1.0"}]}
    for name in ("hauberk-system", "shop"):
        api.put("v1", "namespaces", name)
        api.put("v1", "configmaps", "hauberk-ca-root-cert", name, data={"root-cert.pem": ROOT})
    api.put("v1", "secrets", "hauberk-ca", "hauberk-system")
    status = {"availableReplicas": 1}
    api.put(
        "apps/v1",
        "deployments",
        "hauberk-control",
        "hauberk-system",
        metadata={"labels": labels},
        spec={"template": template},
        status=status,
    )
    api.put(
        HOOKS,
        "mutatingwebhookconfigurations",
        "hauberk-injector",
        metadata={"labels": {"app": "hauberk-injector"}},
        webhooks=WEBHOOKS,
    )
    api.put(CLASSES, "gatewayclasses", "hauberk", spec=OURS, status=_said("Accepted"))
    api.put(CLASSES, "gateways", "edge", "shop", spec={"gatewayClassName": "hauberk"}, status=_said("Programmed"))
    api.put("v1", "pods", "edge-1", "shop", spec=proxy, status=_said("Ready"))
    api.put("v1", "pods", "control-1", "hauberk-system", metadata={"labels": labels}, spec=CONTROL, status={"phase": "Running"})
    _settings(api, {"image": "hauberk-proxy:0.1.0"})
    for one in definitions():
        api.put("apiextensions.k8s.io/v1", "customresourcedefinitions", _name(one), status=_said("Established"))
    _renewed(api, NOW)


def _name(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"]["name"])


def _settings(api: KubeApi, settings: object) -> None:
    api.put("v1", "configmaps", "hauberk-settings", "hauberk-system", data={"settings.yaml": json.dumps(settings)})


def _renewed(api: KubeApi, moment: dt.datetime) -> None:
    spec = {"renewTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    api.put("coordination.k8s.io/v1", "leases", "node-1", "kube-node-lease", spec=spec)


def _strict(api: KubeApi) -> None:
    labels = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
    api.put("v1", "namespaces", "shop", metadata={"labels": labels})


def _agents(api: KubeApi, ready: int) -> None:
    _strict(api)
    _settings(api, {"inject": {"capture": "cni"}})
    status = {"desiredNumberScheduled": 2, "numberReady": ready}
    api.put("apps/v1", "daemonsets", "hauberk-cni", "kube-system", status=status)


class ClusterAnswers(NamedTuple):
    """What the API server says beside objects."""

    version: str = "v1.34.4"
    refused: str = ""
    """A resource with which nobody may do anything."""
    injects: bool = True
    metrics: str = 'hauberk_control_proxies{role="sidecar",state="current"} 3.0\n'

    def answer(self, asked: Asked) -> Reply | None:
        if asked.path == "/version":
            return _reply({"gitVersion": self.version})
        if asked.path.endswith("accessreviews"):
            return _reply({"status": {"allowed": asked.json()["spec"]["resourceAttributes"]["resource"] != self.refused}})
        if asked.method == "POST" and asked.path == "/api/v1/namespaces/default/pods":
            assert asked.query["dryRun"] == "All"
            proxies = [{"name": "hauberk-proxy"}] if self.injects else []
            return _reply({"spec": {"initContainers": proxies, "containers": asked.json()["spec"]["containers"]}})
        if asked.path == "/api/v1/namespaces/hauberk-system/pods/control-1:15014/proxy/metrics":
            return Reply(200, self.metrics.encode())
        return None


def _reply(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode())


AS_IT_SHOULD_BE = ClusterAnswers()


async def _outcomes(
    change: Callable[[KubeApi], object], *, before: bool = False, says: ClusterAnswers = AS_IT_SHOULD_BE
) -> list[Outcome]:
    async with KubeApi().serving() as api:
        api.script = says.answer
        _installed(api)
        change(api)
        client = api.client()
        groups = ClusterChecks(client, Objects(client), "hauberk-system", NOW).groups(before=before)
        found = [outcome async for outcome in run_checks(groups)]
        client.close()
        return found


def _faults(outcomes: list[Outcome]) -> dict[str, str]:
    return {f"{one.group}: {one.verdict}": one.fault for one in outcomes if one.fault}


async def test_a_complete_installation_has_no_fault() -> None:
    outcomes = await _outcomes(lambda api: None)
    assert _faults(outcomes) == {}
    assert {one.group for one in outcomes} == {"kubernetes-api", "gateway-api", "control", "identity", "injection", "data-plane"}


@pytest.mark.parametrize(
    ("change", "where", "told"),
    [
        (lambda api: api.served.pop(CLASSES), "gateway-api: error", "404"),
        (lambda api: api.remove("v1", "secrets", "hauberk-ca", "hauberk-system"), "identity: error", "hauberk-ca"),
        (lambda api: api.remove("v1", "configmaps", "hauberk-ca-root-cert", "shop"), "identity: error", "shop"),
        (
            lambda api: api.put("v1", "pods", "bad", "shop", spec={"containers": [{"name": "hauberk-proxy"}]}),
            "data-plane: warning",
            "shop/bad",
        ),
        (lambda api: api.put(CLASSES, "gatewayclasses", "hauberk", spec=OURS), "data-plane: error", "hauberk"),
        (
            lambda api: api.put(
                CLASSES, "gateways", "edge", "shop", spec={"gatewayClassName": "hauberk"}, status=_said("Programmed", "False")
            ),
            "data-plane: warning",
            "shop/edge",
        ),
        (
            lambda api: api.put(
                HOOKS,
                "mutatingwebhookconfigurations",
                "hauberk-injector",
                metadata={"labels": {"app": "hauberk-injector"}},
                webhooks=[{"clientConfig": {}}],
            ),
            "injection: error",
            "hauberk-injector",
        ),
        (lambda api: _renewed(api, NOW - dt.timedelta(minutes=2)), "kubernetes-api: warning", "node-1"),
        (lambda api: _renewed(api, NOW + dt.timedelta(minutes=2)), "kubernetes-api: warning", "node-1"),
        (_strict, "injection: warning", "NET_ADMIN: shop"),
        (lambda api: _agents(api, 1), "injection: warning", "1 of 2 nodes"),
        (
            lambda api: _settings(api, {"inject": {"capture": "cni"}}),
            "injection: warning",
            "no DaemonSet kube-system/hauberk-cni",
        ),
        (
            lambda api: _settings(api, {"image": "hauberk-proxy:0.2.0"}),
            "data-plane: warning",
            "not hauberk-proxy:0.2.0: shop/edge-1",
        ),
        (
            lambda api: api.remove("apiextensions.k8s.io/v1", "customresourcedefinitions", _name(definitions()[0])),
            "control: error",
            "missing",
        ),
        (lambda api: api.remove(HOOKS, "mutatingwebhookconfigurations", "hauberk-injector"), "injection: warning", "no sidecars"),
    ],
)
async def test_each_fault_is_found_and_named(change: Callable[[KubeApi], object], where: str, told: str) -> None:
    faults = _faults(await _outcomes(change))
    assert told in faults[where]


@pytest.mark.parametrize(
    ("says", "where", "told"),
    [
        (ClusterAnswers(refused="tokenreviews"), "control: error", "refused: create tokenreviews.authentication.k8s.io"),
        (ClusterAnswers(injects=False), "injection: error", "got none"),
        (
            ClusterAnswers(metrics='hauberk_control_proxies{role="gateway",state="refused"} 2.0\n'),
            "data-plane: warning",
            "2 of role gateway refused",
        ),
    ],
)
async def test_what_the_api_server_says_is_told(says: ClusterAnswers, where: str, told: str) -> None:
    assert told in _faults(await _outcomes(lambda api: None, says=says))[where]


async def test_agents_on_every_node_stand_in_for_net_admin() -> None:
    assert _faults(await _outcomes(lambda api: _agents(api, 2))) == {}


async def test_images_of_another_name_are_somebody_elses() -> None:
    assert _faults(await _outcomes(lambda api: _settings(api, {"image": "plain-proxy:0.2.0"}))) == {}


async def test_who_may_not_install_is_told_before() -> None:
    outcomes = await _outcomes(lambda api: None, before=True, says=ClusterAnswers(refused="clusterroles"))
    assert _faults(outcomes) == {"permissions: error": "refused: create clusterroles.rbac.authorization.k8s.io"}


async def test_nothing_is_checked_behind_what_all_depends_on() -> None:
    outcomes = await _outcomes(lambda api: api.remove("apps/v1", "deployments", "hauberk-control", "hauberk-system"))
    assert outcomes[-1].check.description == "control is installed"
    assert outcomes[-1].verdict == "error"


async def test_an_old_cluster_is_told_before_an_installation() -> None:
    outcomes = await _outcomes(lambda api: None, before=True, says=ClusterAnswers(version="v1.27.16-gke.1"))
    assert _faults(outcomes) == {"kubernetes-api: error": "it is v1.27.16-gke.1"}
    assert {one.group for one in outcomes} == {"kubernetes-api", "gateway-api", "permissions"}


async def test_the_report_is_for_people_or_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = await _outcomes(lambda api: api.remove("v1", "secrets", "hauberk-ca", "hauberk-system"))
    for as_json in (False, True):
        report = Report(as_json=as_json)
        for outcome in outcomes:
            report.take(outcome)
        report.finish()
        assert not report.is_well
    people, _, programs = capsys.readouterr().out.partition("{")
    assert "identity\n--------\n" in people
    assert "no Secret hauberk-system/hauberk-ca" in people
    document = json.loads("{" + programs)
    assert document["success"] is False
    (identity,) = [group for group in document["categories"] if group["categoryName"] == "identity"]
    assert [row["result"] for row in identity["checks"]] == ["error", "success", "success"]
