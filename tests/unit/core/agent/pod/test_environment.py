"""The environment of a proxy's container."""

import json
from pathlib import Path
from typing import Final

import pytest

from hauberk_control.translate.node import Node
from hauberk_core.agent.bootstrap import BootstrapError
from hauberk_core.agent.pod.environment import Scrape, read_environment
from hauberk_core.agent.pod.probes import HttpGet
from hauberk_core.agent.pod.proof import ServiceAccountTokens

SIDECAR: Final = {
    "POD_NAME": "web-7d9f-x2",
    "POD_NAMESPACE": "shop",
    "POD_IP": "10.244.0.9",
    "POD_IPS": "10.244.0.9,fd00::9",
    "SERVICE_ACCOUNT": "web",
    "HAUBERK_WORKLOAD": "web",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A pod's files."""
    for path, text in (
        ("etc/hauberk/pod/labels", 'app="web"\nversion="v1"\nempty=""\n'),
        ("var/run/secrets/hauberk/root/root-cert.pem", "ROOTS\n"),
        ("var/run/secrets/hauberk/token/token", "first\n"),
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return tmp_path


def test_a_sidecar_is_who_its_pod_says(root: Path) -> None:
    found = read_environment("sidecar", SIDECAR, root)
    bootstrap = found.bootstrap
    assert bootstrap.identity == "spiffe://cluster.local/ns/shop/sa/web"
    assert (bootstrap.control, bootstrap.join) == (
        "hauberk-control.hauberk-system.svc:15011",
        "hauberk-control.hauberk-system.svc:15012",
    )
    assert (bootstrap.root, bootstrap.admin, bootstrap.workers) == ("ROOTS\n", "127.0.0.1:15000", 1)
    assert bootstrap.state == str(root / "var/lib/hauberk")
    node = Node(**json.loads(bytes(bootstrap.node)))
    assert (node.role, node.name, node.namespace, node.pod) == ("sidecar", "web", "shop", "web-7d9f-x2")
    assert node.labels == {"app": "web", "version": "v1", "empty": ""}
    assert list(node.addresses) == ["10.244.0.9", "fd00::9"]
    assert node.captured
    assert found.captured


def test_somebody_else_may_sign(root: Path) -> None:
    told = SIDECAR | {"HAUBERK_CA_ADDRESS": "csr.cert-manager.svc:443"}
    assert read_environment("sidecar", told, root).bootstrap.authority == "csr.cert-manager.svc:443"
    assert read_environment("sidecar", SIDECAR, root).bootstrap.authority == ""


def test_a_gateway_serves_the_gateway_that_it_is_told(root: Path) -> None:
    found = read_environment("gateway", SIDECAR | {"HAUBERK_GATEWAY": "front", "HAUBERK_TRUST_DOMAIN": "mesh.test"}, root)
    node = Node(**json.loads(bytes(found.bootstrap.node)))
    assert (node.role, node.name, node.address, node.captured) == ("gateway", "shop/front", "", False)
    assert found.bootstrap.identity == "spiffe://mesh.test/ns/shop/sa/web"


def test_a_gateway_that_is_told_of_none_is_called_by_its_pod(root: Path) -> None:
    for told in ({}, {"HAUBERK_GATEWAY": ""}):
        assert read_environment("gateway", SIDECAR | told, root).bootstrap.name == "shop/pod/web-7d9f-x2"


def test_what_injection_says_is_read(root: Path) -> None:
    probes = {"/app-health/main/readyz": {"httpGet": {"port": 8080, "path": "/ok"}, "timeoutSeconds": 3}}
    told = {
        "HAUBERK_INTERCEPTION": "NONE",
        "HAUBERK_PROBES": json.dumps(probes),
        "HAUBERK_PROMETHEUS": '{"port": "9102"}',
        "HAUBERK_DRAIN": "1m5s",
        "HAUBERK_WORKERS": "2",
    }
    found = read_environment("sidecar", SIDECAR | told, root)
    assert not found.captured
    assert found.probes["/app-health/main/readyz"].http_get == HttpGet(port=8080, path="/ok")
    assert found.probes["/app-health/main/readyz"].timeout_seconds == 3
    assert found.scrape == Scrape(9102, "/metrics")
    assert found.drain_seconds == 65
    assert found.bootstrap.workers == 2


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = {"POD_IP": "here", "HAUBERK_WORKERS": "0", "HAUBERK_CA_PORT": "x", "HAUBERK_PROBES": "["}
    with pytest.raises(BootstrapError) as caught:
        read_environment("gateway", wrong, tmp_path)
    told = str(caught.value)
    for name in ("POD_NAME", "POD_NAMESPACE", "SERVICE_ACCOUNT"):
        assert f"{name} is not set" in told
    for part in ("'here'", "HAUBERK_WORKERS is '0'", "HAUBERK_CA_PORT is 'x'", "HAUBERK_PROBES:", "root-cert.pem", "labels"):
        assert part in told


async def test_token_and_roots_are_those_of_the_moment(root: Path) -> None:
    token = root / "var/run/secrets/hauberk/token/token"
    roots = root / "var/run/secrets/hauberk/root/root-cert.pem"
    tokens = ServiceAccountTokens(token, roots)
    assert await tokens.get() == ("first", b"ROOTS\n")
    token.write_text("second\n")
    roots.write_text("OTHERS\n")
    assert await tokens.get() == ("second", b"OTHERS\n")
