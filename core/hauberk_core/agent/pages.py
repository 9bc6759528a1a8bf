"""What the admin server shows, page by page."""

import json
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import trio
from msgspec import to_builtins

from hauberk_core.agent.certificate_views import view_certificates
from hauberk_core.agent.cluster_views import CLUSTERS, sum_clusters
from hauberk_core.agent.state import AgentState
from hauberk_core.model.codec import to_plain

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
# Header fields whose values give access to something. They stand in the configuration where a route sets them.
_SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
# The name under which plugins keep secrets in their configuration.
_HIDDEN_MEMBER: Final = "secret"
_REDACTED: Final = "[redacted]"


class PageRequest(NamedTuple):
    """What a page may depend on."""

    query: str
    accept: str


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
        target = self._state.target
        snapshot = None if target is None else _redact(to_plain(target.snapshot))
        return _json_page(
            {
                "number": 0 if target is None else target.number,
                "refused": self._state.refusals,
                "addresses": {name: str(address) for name, address in self._state.addresses.items()},
                "snapshot": snapshot,
            }
        )

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


def _redact(value: object) -> object:
    """Hide the values of secret header fields, which the model writes as pairs of name and value, and plugins' secrets.

    As deep as the model.
    """
    if isinstance(value, dict):
        return {name: _REDACTED if name == _HIDDEN_MEMBER else _redact(member) for name, member in value.items()}
    if isinstance(value, list):
        match value:
            case [str(name), str()] if name.lower() in _SECRET_FIELDS:
                return [name, _REDACTED]
        return [_redact(item) for item in value]
    return value
