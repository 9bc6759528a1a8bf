"""The page on control on a cluster holds what control does."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hauberk_control.ca import in_secret, reviewed_tokens
from hauberk_control.cluster import control, pages, replicas
from hauberk_control.kubernetes import lease
from hauberk_control.sources import cluster, known
from hauberk_control.status import writer
from hauberk_core import pod
from hauberk_core.agent.pages import PageRequest


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "control-on-kubernetes.md").read_text()


def test_ports_names_and_bounds_are_those_of_the_code(page: str) -> None:
    options = control.ClusterOptions()
    for port in (options.discovery_port, options.certificate_port, options.metrics_port):
        assert f"| {port} |" in page
    for name in (in_secret.KEPT, in_secret.GIVEN, pod.ROOT_CONFIG_MAP, pod.ROOT_FILE, pod.CONTROL_NAME, pod.TOKEN_AUDIENCE):
        assert f"`{name}`" in page
    assert pod.GATEWAY_NAME_LABEL in page
    assert f"remembered for {reviewed_tokens.KEPT_SECONDS:.0f} s, a refusal for {reviewed_tokens.REFUSED_SECONDS:.0f} s" in page
    assert f"every {lease.RETRY_SECONDS:.0f} s; good for {lease.LEASE_SECONDS:.0f} s" in page
    assert f"at most {known.MOST_OBJECTS:,} objects" in page
    assert f"at most {writer._PER_SECOND:.0f} a second" in page
    assert replicas._PER_SECOND == 2
    assert f"waited for {cluster._FORBIDDEN_SECONDS:.0f} s" in page
    for excluded in cluster._SECRETS.split(","):
        assert f"`{excluded.removeprefix('type!=')}`" in page


async def test_every_page_and_metric_is_told(page: str) -> None:
    state = pages.State(list)
    for path in pages.make_pages(state):
        assert f"`{path}`" in page
    registry = CollectorRegistry(auto_describe=False)
    registry.register(pages._Gauges(state))
    for family in registry.collect():
        assert f"`{family.name}" in page
    answer = await pages.make_pages(state)["/healthz/ready"](PageRequest("", ""))
    assert (answer.status, answer.body) == (503, b"not ready: control is just starting\n")
    state.missing = ""
    state.leading = True
    assert (await pages.make_pages(state)["/healthz/ready"](PageRequest("", ""))).status == 200
    shown = await pages.make_pages(state)["/metrics"](PageRequest("", ""))
    assert b"hauberk_control_leading 1.0" in shown.body
