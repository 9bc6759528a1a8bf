"""What control and a proxy's agent really show to Prometheus: names of samples, and the labels of each."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.service import CertificateService
from hauberk_control.ca.tokens import JoinTokens
from hauberk_control.cluster.pages import State, make_pages
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.inject.metrics import WebhookMetrics
from hauberk_control.store import Store
from hauberk_core.agent.pages import PageRequest
from hauberk_core.observe.cells_reader import Reading, Series
from hauberk_core.observe.exposition import render
from hauberk_core.observe.metrics import GROUPS

TARGET_LABELS: Final = frozenset(("job", "instance", "namespace", "pod", "container"))
"""Prometheus itself puts these on every sample, by where it scraped it."""
_PROXY: Final = ProxyStatus(
    identity="spiffe://cluster.local/ns/shop/sa/web",
    role="sidecar",
    name="web",
    namespace="shop",
    address="ipv4:127.0.0.1:1",
    plugins={},
    program="",
    connected_since=0.0,
    version="1",
    in_force_since=0.0,
    current=True,
    behind_seconds=0.0,
    resources=1,
)


class _Objects(Store):
    """Holds something."""

    def counts(self) -> dict[str, int]:
        return {"Gateway": 1}


async def exported(folder: Path) -> dict[str, frozenset[str]]:
    """Of both. A sample that is shown only under circumstances is shown here. Args: folder - empty."""
    return _labels_of(_of_a_proxy()) | _labels_of(await _of_control(folder))


def _of_a_proxy() -> str:
    series = [Series(group, tuple(group.labels), [1] * group.width) for group in GROUPS]
    return render([Reading(series, 1)])[0].decode()


async def _of_control(folder: Path) -> str:
    state = State(lambda: [_PROXY])
    state.store = _Objects()
    WebhookMetrics(state.registry)
    state.certificates = CertificateService(Authority(folder, "cluster.local"), JoinTokens())
    state.certificates.refused["expired"] = 1
    answer = await make_pages(state)["/metrics"](PageRequest("", ""))
    return answer.body.decode()


def _labels_of(text: str) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return {name: frozenset(labels) for name, labels in found.items()}
