"""What the admin server shows, page by page."""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import trio
from msgspec import to_builtins

from hauberk_core.agent.certificate_views import view_certificates
from hauberk_core.agent.cluster_views import CLUSTERS, sum_clusters
from hauberk_core.agent.config_dump import dump_configuration
from hauberk_core.agent.state import AgentState

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


class PageRequest(NamedTuple):
    """What a page may depend on."""

    query: str
    accept: str
    fields: Mapping[str, str] = MappingProxyType({})
    """Header fields, by their names in lower case; of several of one name the last."""


class PageResponse(NamedTuple):
    """An answer."""

    status: int
    content_type: str
    body: bytes


Page = Callable[[PageRequest], Awaitable[PageResponse]]


def make_pages(state: AgentState) -> dict[str, Page]:
    """All pages, by path."""
    pages = _Pages(state)
    return {
        "/stats/prometheus": pages.metrics,
        "/healthz/ready": pages.ready,
        "/readyz": pages.readyz,
        "/config_dump": pages.config_dump,
        "/clusters": pages.clusters,
        "/certs": pages.certificates,
        "/circuits": pages.circuits,
    }


class _Pages:
    def __init__(self, state: AgentState) -> None:
        self._state: Final = state

    async def metrics(self, request: PageRequest) -> PageResponse:
        counters = self._state.counters
        # Only the rendering leaves this thread: a worker that dies meanwhile folds its cells here.
        body, content_type = await trio.to_thread.run_sync(counters.exposition, counters.readings(), request.accept)
        return PageResponse(200, content_type, body)

    async def ready(self, request: PageRequest) -> PageResponse:
        if self._state.ready():
            return PageResponse(200, _TEXT, b"ready\n")
        failed = ", ".join([f"{check.name}: {check.detail}" for check in self._state.checks() if not check.passed])
        return PageResponse(503, _TEXT, f"not ready: {failed}\n".encode())

    async def readyz(self, request: PageRequest) -> PageResponse:
        if "verbose" not in request.query.split("&"):
            return await self.ready(request)
        checks = self._state.checks()
        lines = [f"[{'+' if check.passed else '-'}] {check.name}: {check.detail}\n" for check in checks]
        for place in self._state.supervisor.status():
            process = f"process {place.pid}, configuration {place.configuration}" if place.pid else "starting"
            last = f"; before: {place.problem}" if place.problem else ""
            lines.append(f"    worker {place.place}: {process}, started {place.starts} time(s){last}\n")
        passed = all(check.passed for check in checks)
        lines.append("ready\n" if passed else "not ready\n")
        return PageResponse(200 if passed else 503, _TEXT, "".join(lines).encode())

    async def config_dump(self, request: PageRequest) -> PageResponse:
        body = msgspec.json.format(msgspec.json.encode(dump_configuration(self._state)), indent=2)
        return PageResponse(200, _JSON, body + b"\n")

    async def clusters(self, request: PageRequest) -> PageResponse:
        answers = await self._state.supervisor.ask(CLUSTERS)
        shown = [to_builtins(view) for view in sum_clusters(answers)]
        return _json_page({"workers": len(answers), "clusters": shown})

    async def certificates(self, request: PageRequest) -> PageResponse:
        target = self._state.target
        if target is None:
            return _json_page({"certificates": [], "trust": []})
        shown = await trio.to_thread.run_sync(view_certificates, target.secrets)
        return _json_page(shown)

    async def circuits(self, request: PageRequest) -> PageResponse:
        return _json_page(to_builtins(self._state.counters.shared.circuits()))


def _json_page(value: object) -> PageResponse:
    return PageResponse(200, _JSON, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
