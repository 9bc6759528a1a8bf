"""What control shows on its port for metrics and health."""

from collections.abc import Callable, Iterator
from typing import Final

import trio
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hauberk_control.ca.service import CertificateService
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.store import Store
from hauberk_core.agent.pages import Page, PageRequest, PageResponse

_TEXT: Final = "text/plain; charset=utf-8"


class State:
    """What there is to show; control keeps it up to date."""

    def __init__(self, proxies: Callable[[], list[ProxyStatus]]) -> None:
        self.proxies: Final = proxies
        self.store = Store()
        self.problems = 0
        """Mistakes in objects, and other things that keep control from its work."""
        self.leading = False
        self.missing = "control is just starting"
        """What it waits for before it serves; empty: it serves."""
        self.certificates: CertificateService | None = None
        self.registry: Final = CollectorRegistry()
        """Metrics that count by themselves."""


class _Gauges(Collector):
    def __init__(self, state: State) -> None:
        self._state: Final = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        proxies = GaugeMetricFamily(
            "hauberk_control_proxies",
            "Connected proxies, by role, and by whether they have the latest configuration, not yet, or have refused it.",
            labels=["role", "state"],
        )
        counted: dict[tuple[str, str], int] = {}
        for proxy in state.proxies():
            key = (proxy.role, "refused" if proxy.refused_version else "current" if proxy.current else "behind")
            counted[key] = counted.get(key, 0) + 1
        for labels, number in sorted(counted.items()):
            proxies.add_metric(labels, number)
        yield proxies
        objects = GaugeMetricFamily("hauberk_control_objects", "Objects that are worked from, by kind.", labels=["kind"])
        for kind, number in sorted(state.store.counts().items()):
            objects.add_metric([kind], number)
        yield objects
        yield GaugeMetricFamily("hauberk_control_problems", "Mistakes in objects, told in their status.", value=state.problems)
        leading = "Whether this replica writes statuses and everything else that only one may."
        yield GaugeMetricFamily("hauberk_control_leading", leading, value=int(state.leading))
        yield from state.registry.collect()
        service = state.certificates
        if service is not None:
            yield CounterMetricFamily("hauberk_control_certificates_issued", "Certificates signed.", value=service.issued)
            refused = CounterMetricFamily(
                "hauberk_control_certificates_refused", "Certificates refused, by reason.", labels=["reason"]
            )
            for reason, number in sorted(service.refused.items()):
                refused.add_metric([reason], number)
            yield refused


def make_pages(state: State) -> dict[str, Page]:
    """All pages, by path."""

    async def metrics(request: PageRequest) -> PageResponse:
        body, content_type = await trio.to_thread.run_sync(_render, state, request.accept)
        return PageResponse(200, content_type, body)

    async def live(_: PageRequest) -> PageResponse:
        return PageResponse(200, _TEXT, b"alive\n")

    async def ready(_: PageRequest) -> PageResponse:
        if state.missing:
            return PageResponse(503, _TEXT, f"not ready: {state.missing}\n".encode())
        return PageResponse(200, _TEXT, b"ready\n")

    return {"/metrics": metrics, "/healthz/live": live, "/healthz/ready": ready}


def _render(state: State, accept: str) -> tuple[bytes, str]:
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(state))
    return encode(registry), content_type
