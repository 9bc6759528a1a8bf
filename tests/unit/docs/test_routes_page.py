"""The examples of the page on routes are taken as they stand, and do something."""

import re
from pathlib import Path

import msgspec
import pytest
import trustme
from resource_scenarios import config_map, gateway_node, secret, service, sidecar_node, store_of, workload

from hauberk_control.translate.translate import translate
from hauberk_core.config import check_whole
from hauberk_core.model import Snapshot
from hauberk_core.model.retry import MOST_RETRIES, Retry
from hauberk_core.proxy.exchange import REPLAY_BYTES
from hauberk_core.proxy.retrying import LONGEST_BACKOFF

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
LEAF = AUTHORITY.issue_cert("shop.test", key_type=trustme.KeyType.ECDSA)
WORLD = "".join(
    [
        service("reviews") + workload("reviews-v1", 20001, app="reviews"),
        service("reviews-next") + workload("reviews-next-v1", 20002, app="reviews-next"),
        config_map("internal-ca", AUTHORITY.cert_pem.bytes().decode()),
        secret("shop", LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes()),
    ]
)
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec: {gatewayClassName: hauberk, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: reviews, port: 9080}]}]}
"""
NODES = (
    gateway_node(),
    gateway_node("default/secure"),
    sidecar_node(outbound={"reviews.default:9080": 15001}),
)


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "routes.md").read_text()


@pytest.fixture(scope="module")
def examples(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def snapshots(*texts: str) -> list[Snapshot]:
    found: list[Snapshot] = []
    for node in NODES:
        translation = translate(store_of(WORLD, GATEWAY, ROUTE, *texts), node)
        check_whole(translation.snapshot, "")
        assert [problem for problem in translation.problems if "no such Gateway" not in problem.message] == []
        found.append(msgspec.structs.replace(translation.snapshot, version=""))
    return found


def test_each_example_is_taken_and_changes_what_some_proxy_does(examples: list[str]) -> None:
    assert len(examples) == 7
    without = snapshots()
    for example in examples:
        assert snapshots(f"---\n{example}") != without, example


def test_the_figures_are_those_of_the_code(page: str) -> None:
    section = page.split("## Send a request again")[1].split("\n## ", maxsplit=1)[0]
    usual = Retry()
    assert f"{usual.attempts} if left out, {MOST_RETRIES} at most" in section
    assert f"{round(usual.backoff.seconds * 1000)} ms if left out" in section
    assert LONGEST_BACKOFF == 10.0
    assert f"{REPLAY_BYTES // 1024} KiB" in section
