"""The chart and `hauberk install` in a cluster, and the page that tells of both."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubectl
import pytest
import yaml
from cluster_page import run, type_in, write_files
from cluster_shop import client_pod, wait_injected
from page_reader import commands_of

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PAGE: Final = "docs/how-to/install-on-kubernetes.md"
NAMESPACE: Final = "hauberk-system"
IMAGES: Final = (os.environ.get("HAUBERK_IMAGE_REGISTRY", "localhost"), os.environ.get("HAUBERK_IMAGE_TAG", "dev"))
SECOND: Final = ("revision=beside", "clusterWide=false", f"image.registry={IMAGES[0]}", f"image.tag={IMAGES[1]}")
VALUES: Final = {
    "defaults": "{}",
    "everything": """
revision: next
clusterWide: false
image: {registry: registry.test/mesh, tag: "7<&>", pullSecrets: [a, b]}
control:
  replicas: 3
  podLabels: {team: mesh, app: mine}
  podAnnotations: {note: "1"}
  tolerations: [{operator: Exists}]
  resources: {requests: {cpu: 1}}
gateways: {replicas: 2, priorityClass: high}
monitoring: {serviceMonitor: true, podMonitor: true, alerts: true, dashboards: true, labels: {release: p}}
cni: {enabled: true}
networkPolicy: false
disruptionBudget: false
""",
}


def _settings(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _by_name(text: str) -> dict[tuple[str, str], Any]:
    """The objects of a YAML text, without what is said nowhere, and without the namespace, which Helm makes by itself."""
    found: dict[tuple[str, str], Any] = {}
    for manifest in yaml.safe_load_all(text):
        if manifest and manifest["kind"] != "Namespace":
            found[manifest["kind"], manifest["metadata"]["name"]] = _without_nothing(manifest)
    return found


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(item) for name, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("values", sorted(VALUES))
def test_helm_makes_the_same_of_the_chart(values: str, repository: Path, tmp_path: Path) -> None:
    given = tmp_path / "values.yaml"
    given.write_text(VALUES[values])
    chart = str(repository / "deploy" / "charts" / "hauberk")
    by_helm = run(
        "helm", "template", "hauberk", chart, "-n", NAMESPACE, "--include-crds", "--kube-version", "1.34", "-f", str(given)
    )
    ours = run("hauberk", "install", "--render", "-f", str(given))
    assert by_helm.code == ours.code == 0, by_helm.err + ours.err
    assert _by_name(by_helm.out) == _by_name(ours.out)


def test_helm_refuses_what_is_no_value(repository: Path) -> None:
    chart = str(repository / "deploy" / "charts" / "hauberk")
    refused = run("helm", "template", "hauberk", chart, "--kube-version", "1.34", "--set", "control.replica=2")
    assert refused.code != 0
    assert "replica" in refused.err


def test_the_api_server_takes_every_object(installed: str) -> None:
    done = kubectl.kubectl("get", "deployment", "hauberk-control", "-n", installed, "-o", "json")
    (deployment,) = done.objects()
    assert deployment["status"]["availableReplicas"] >= 1
    rendered = run("hauberk", "install", "--render").out
    tried = subprocess.run(
        ["kubectl", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"],
        input=rendered,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr


def test_an_installation_of_helms_is_left_to_helm(installed: str) -> None:
    refused = run("hauberk", "install", *_settings(*SECOND[2:]))
    assert refused.code == 3
    assert "Helm" in refused.err


@pytest.fixture
def second(installed: str) -> Iterator[None]:
    """A second control, of a revision of its own, put there by the command."""
    try:
        done = run("hauberk", "install", *_settings(*SECOND), "--timeout", "240")
        assert done.code == 0, done.err
        yield
    finally:
        run("hauberk", "uninstall", *_settings(*SECOND))


def test_a_second_revision_runs_beside_the_first(second: None) -> None:
    for revision in ("beside", "default"):
        with kubectl.namespace({"istio.io/rev": revision}) as namespace:
            wait_injected(namespace, revision)
            kubectl.apply(namespace, client_pod())
            ready = kubectl.kubectl("wait", "pod/client", "-n", namespace, "--for=condition=Ready", "--timeout=240s")
            assert ready.code == 0, ready.err
            (pod,) = kubectl.kubectl("get", "pod", "client", "-n", namespace, "-o", "json").objects()
            assert json.loads(pod["metadata"]["annotations"]["hauberk.dev/status"])["revision"] == revision
    unchanged = run("hauberk", "upgrade", "--check", *_settings(*SECOND))
    assert (unchanged.code, unchanged.out) == (0, "nothing would change\n"), unchanged.out + unchanged.err
    changed = run("hauberk", "upgrade", "--check", *_settings(*SECOND, "control.replicas=2"))
    assert changed.out == f"Deployment {NAMESPACE}/hauberk-control-beside would be changed\n"
    upgraded = run("hauberk", "upgrade", *_settings(*SECOND, "control.replicas=2"), "--timeout", "240")
    assert upgraded.code == 0, upgraded.err
    (deployment,) = kubectl.kubectl("get", "deployment", "hauberk-control-beside", "-n", NAMESPACE, "-o", "json").objects()
    assert deployment["status"]["availableReplicas"] == 2
    gone = run("hauberk", "uninstall", *_settings(*SECOND))
    assert gone.code == 0, gone.err
    assert kubectl.kubectl("get", "deployment", "hauberk-control-beside", "-n", NAMESPACE).code != 0
    assert kubectl.kubectl("get", "deployment", "hauberk-control", "-n", NAMESPACE).code == 0


@pytest.fixture
def door() -> Iterator[None]:
    """The namespace that the page makes."""
    yield
    kubectl.kubectl("delete", "namespace", "door", "--ignore-not-found", "--wait=false")


def test_the_page_does_what_it_says(installed: str, door: None, repository: Path, tmp_path: Path) -> None:
    write_files((repository / PAGE).read_text(), tmp_path)
    blocks = commands_of(PAGE)
    assert len(blocks) >= 4
    for commands in blocks:
        type_in(commands, tmp_path)
    assert (tmp_path / "mesh.yaml").read_text().count("\nkind: ") > 10
    gateway = json.loads(kubectl.kubectl("get", "gateway", "door", "-n", "door", "-o", "json").out)
    assert gateway["status"]["addresses"]
