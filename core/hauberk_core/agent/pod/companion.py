"""What an agent in a pod does besides: it answers the kubelet and Prometheus, and sees whether connections lead to its proxy."""

from typing import Final

import trio

from hauberk_core.agent.admin import AdminServer
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.pages import Page, PageRequest, PageResponse, make_pages
from hauberk_core.agent.pod.dial import Target
from hauberk_core.agent.pod.environment import PodEnvironment, Scrape
from hauberk_core.agent.pod.http_get import HttpGetError, http_get
from hauberk_core.agent.pod.probes import Probe, make_probe
from hauberk_core.agent.pod.redirects import PATH, Redirects
from hauberk_core.agent.state import AgentState, Check
from hauberk_core.pod import METRICS_PATH, METRICS_PORT, READY_PATH, READY_PORT

_TEXT: Final = "text/plain; charset=utf-8"
# The longest that the kubelet waits for a probe is a matter of its settings; nobody waits longer than this.
_PROBE_SECONDS: Final = 60.0
_WITHOUT_BODY: Final = (204, 304)
_SCRAPE_SECONDS: Final = 8.0
# Ten thousand series of two hundred octets, ten times over.
_LARGEST_SCRAPE: Final = 20 * 1024 * 1024


class PodCompanion:
    """The two servers of a pod, and the look at the rules."""

    def __init__(self, environment: PodEnvironment, metrics_port: int = METRICS_PORT, ready_port: int = READY_PORT) -> None:
        self._environment: Final = environment
        self._metrics_address: Final = f":{metrics_port}"
        self._ready_address: Final = f":{ready_port}"
        self._redirects: Final = Redirects() if environment.captured else None
        self.missed_scrapes = 0
        """Times that the application's own metrics could not be had."""

    def checks(self) -> list[Check]:
        """What readiness depends on besides."""
        return self._redirects.checks() if self._redirects is not None else []

    async def run(self, state: AgentState, *, task_status: "trio.TaskStatus[tuple[int, int]]" = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Started, with the ports of metrics and readiness, once both listen. Raises: BindError."""
        pages = make_pages(state)
        ready = {READY_PATH: pages[READY_PATH]}
        served = {
            **ready,
            METRICS_PATH: self._with_application(pages[METRICS_PATH]),
            PATH: _redirected,
            **{path: self._probe_page(probe) for path, probe in self._environment.probes.items()},
        }
        readiness = AdminServer(self._ready_address, ready, name="readiness")
        metrics = AdminServer(self._metrics_address, served, name="metrics", seconds=_PROBE_SECONDS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.serve)
            nursery.start_soon(metrics.serve)
            task_status.started((metrics.address.port, readiness.address.port))
            if self._redirects is not None:
                nursery.start_soon(self._redirects.run)

    def _probe_page(self, probe: Probe) -> Page:
        address = self._environment.addresses[0]

        async def page(request: PageRequest) -> PageResponse:
            verdict = await make_probe(probe, address, request.fields)
            # An answer of ours has a body, to say what was found.
            status = 200 if verdict.status in _WITHOUT_BODY else verdict.status
            return PageResponse(status, _TEXT, f"{verdict.detail}\n".encode())

        return page

    def _with_application(self, own: Page) -> Page:
        scrape = self._environment.scrape
        if scrape is None:
            return own

        async def page(request: PageRequest) -> PageResponse:
            # Prometheus' older text form, in which two expositions may stand one after the other.
            answer = await own(request._replace(accept=""))
            return answer._replace(body=answer.body + await self._application_metrics(scrape, request))

        return page

    async def _application_metrics(self, scrape: Scrape, request: PageRequest) -> bytes:
        address = self._environment.addresses[0]
        host = f"[{address}]" if ":" in address else address
        headers = {"host": f"{host}:{scrape.port}", "accept": _TEXT}
        with trio.move_on_after(_SCRAPE_SECONDS):
            try:
                answer = await http_get(Target(address, scrape.port), scrape.path, headers, largest_body=_LARGEST_SCRAPE)
            except (OSError, trio.BrokenResourceError, HttpGetError) as error:
                self._miss(str(error))
                return b""
            if answer.status == 200:
                return answer.body if answer.body.endswith(b"\n") else answer.body + b"\n"
            self._miss(f"it answers {answer.status}")
            return b""
        self._miss(f"it does not answer within {_SCRAPE_SECONDS:g} s")
        return b""

    def _miss(self, why: str) -> None:
        self.missed_scrapes += 1
        if self.missed_scrapes & (self.missed_scrapes - 1) == 0:
            # Once, twice, four times and so on: Prometheus asks every few seconds.
            LOG.warning("the application's own metrics are left out, for the %d. time: %s", self.missed_scrapes, why)


async def _redirected(_request: PageRequest) -> PageResponse:
    return PageResponse(200, _TEXT, b"led here\n")
