"""The examples of the page on other protocols are taken as they stand, and do something."""

import re
from pathlib import Path

import pytest
import trustme
from resource_scenarios import gateway_node, secret, service, store_of, workload

from hauberk_control.translate.translate import translate
from hauberk_core.config import check_whole

AUTHORITY = trustme.CA(key_type=trustme.KeyType.ECDSA)
LEAF = AUTHORITY.issue_cert("redis.example.test", key_type=trustme.KeyType.ECDSA)
DNS = """
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec: {selector: {app: dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
"""
WORLD = "".join(
    [
        service("redis", 6379) + workload("redis-v1", 20001, app="redis", port_name="http-6379"),
        service("redis-next", 6379) + workload("redis-next-v1", 20002, app="redis-next", port_name="http-6379"),
        DNS,
        secret("shop", LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes()),
    ]
)


@pytest.fixture(scope="module")
def examples(repository: Path) -> list[str]:
    page = (repository / "docs" / "how-to" / "carry-other-protocols.md").read_text()
    return re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_each_example_leads_somewhere(examples: list[str]) -> None:
    assert len(examples) == 6
    for example in [one for one in examples if "kind: Gateway\n" in one]:
        found = re.search(r"metadata:(?: {|\n  )name: (\w+)", example)
        assert found is not None
        translation = translate(store_of(WORLD, f"---\n{example}"), gateway_node(f"default/{found[1]}"))
        check_whole(translation.snapshot, "")
        assert translation.problems == ()
        listeners = translation.snapshot.listeners.values()
        chains = [chain for listener in listeners for chain in listener.filter_chains]
        clusters = {backend.cluster for chain in chains for backend in chain.backends}
        clusters |= {one.cluster for listener in listeners if listener.datagrams for one in listener.datagrams.backends}
        wanted = "53/udp||dns" if "kind: UDPRoute" in example else "6379||redis"
        assert f"outbound|{wanted}.default.svc.cluster.local" in clusters


def test_a_rule_tells_backends_whose_connections_they_get(examples: list[str]) -> None:
    [passing] = [one for one in examples if "kind: TCPRoute" in one and "redis-next" in one]
    [rule] = [one for one in examples if "kind: DestinationRule" in one]
    translation = translate(store_of(WORLD, f"---\n{passing}---\n{rule}"), gateway_node("default/stores"))
    assert translation.problems == ()
    clusters = translation.snapshot.clusters
    assert clusters["outbound|6379||redis.default.svc.cluster.local"].proxy_protocol == "v2"
    assert clusters["outbound|6379||redis-next.default.svc.cluster.local"].proxy_protocol == ""
