"""What `hauberk check` finds in a cluster, against an API server on loopback."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from kube_api import Asked, KubeApi, Reply
from trustme import CA

from hauberk_cli.check.checks import Outcome, run_checks
from hauberk_cli.check.cluster import ClusterChecks
from hauberk_cli.check.report import Report
from hauberk_control.kubernetes.objects import Objects

ROOT = CA().cert_pem.bytes().decode()
END = x509.load_pem_x509_certificate(ROOT.encode()).not_valid_after_utc
NOW = END - dt.timedelta(days=100)
OURS = {"controllerName": "hauberk.dev/gateway"}
WEBHOOKS = [{"clientConfig": {"caBundle": "cm9vdA=="}}]
CLASSES, HOOKS = "gateway.networking.k8s.io/v1", "admissionregistration.k8s.io/v1"


def _said(condition: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": condition, "status": status}]}


def _installed(api: KubeApi) -> None:
    """All as it should be."""
    labels = {"app": "hauberk-control"}
    template = {"spec": {"containers": [{"name": "control", "image": "hauberk-control:0.1.0"}]}}
    proxy = {"containers": [{"name": "hauberk-proxy"}]}
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


def _answer_version(version: str) -> Callable[[Asked], Reply | None]:
    return lambda asked: Reply(200, json.dumps({"gitVersion": version}).encode()) if asked.path == "/version" else None


async def _outcomes(change: Callable[[KubeApi], object], *, before: bool = False, version: str = "v1.34.4") -> list[Outcome]:
    async with KubeApi().serving() as api:
        api.script = _answer_version(version)
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
        (lambda api: api.remove(HOOKS, "mutatingwebhookconfigurations", "hauberk-injector"), "injection: warning", "no sidecars"),
    ],
)
async def test_each_fault_is_found_and_named(change: Callable[[KubeApi], object], where: str, told: str) -> None:
    faults = _faults(await _outcomes(change))
    assert told in faults[where]


async def test_nothing_is_checked_behind_what_all_depends_on() -> None:
    outcomes = await _outcomes(lambda api: api.remove("apps/v1", "deployments", "hauberk-control", "hauberk-system"))
    assert outcomes[-1].check.description == "control is installed"
    assert outcomes[-1].verdict == "error"


async def test_an_old_cluster_is_told_before_an_installation() -> None:
    outcomes = await _outcomes(lambda api: None, before=True, version="v1.27.16-gke.1")
    assert _faults(outcomes) == {"kubernetes-api: error": "it is v1.27.16-gke.1"}
    assert {one.group for one in outcomes} == {"kubernetes-api", "gateway-api"}


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
