"""Traffic for the gateway, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import trio

from hauberk_bookshop.calling import CallError, Reply, Service
from hauberk_cli.demo.waiting import wait_until

STEADY_PATHS: Final = ("/productpage", "/api/v1/products/0/reviews")
REQUEST_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 1.0


@dataclass(slots=True)
class Tally:
    """Finished requests: how many, answered by which version of reviews, how fast (seconds), and what went wrong."""

    requests: int = 0
    errors: int = 0
    last_error: str = ""
    versions: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def share(self, version: str) -> float:
        """The part of all answers, 0 to 1, that `version` gave."""
        return self.versions[version] / max(1, self.versions.total())

    def quantile(self, part: float) -> float:
        """The time, in seconds, within which `part` (0 to 1) of the requests was answered."""
        if not self.seconds:
            return 0.0
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def note(self, reply: Reply | None, seconds: float, error: str = "") -> None:
        """Count one finished request. Without a reply, or with one that reviews had no part in, it is an error."""
        self.requests += 1
        self.seconds.append(seconds)
        version = reply.header("reviews-version") if reply is not None and reply.status == 200 else ""
        if version:
            self.versions[version] += 1
            return
        self.errors += 1
        self.last_error = error or _describe(reply)


def _describe(reply: Reply | None) -> str:
    if reply is None:
        return "no answer"
    if reply.status == 200:
        return "a page without reviews"
    return f"status {reply.status} {reply.header('hauberk-reason') or reply.body[:80].decode(errors='replace')}"


async def ask(service: Service, path: str, tally: Tally) -> Reply | None:
    """Send one request and count it. Returns: the reply, or None if there was none."""
    began = trio.current_time()
    try:
        reply = await service.get(path, seconds=REQUEST_SECONDS)
    except CallError as error:
        tally.note(None, trio.current_time() - began, str(error))
        return None
    tally.note(reply, trio.current_time() - began)
    return reply


class SteadyTraffic:
    """Requests at a fixed rate, whatever the answers, as visitors come. Never more under way than a few seconds' worth."""

    def __init__(self, services: tuple[Service, ...], rate: float) -> None:
        self._services = services
        self._interval = 1.0 / rate
        self._tally = Tally()
        self._under_way = trio.Semaphore(max(1, int(rate * 2)))

    def take(self) -> Tally:
        """What was counted since the last call."""
        tally, self._tally = self._tally, Tally()
        return tally

    async def run(self) -> None:
        """Send until cancelled. Under way requests are then dropped."""
        due = trio.current_time()
        number = 0
        async with trio.open_nursery() as nursery:
            while True:
                # Two requests in turn to each service before the next path, so that every pair comes up.
                service = self._services[number % len(self._services)]
                path = STEADY_PATHS[number // len(self._services) % len(STEADY_PATHS)]
                await self._under_way.acquire()
                nursery.start_soon(self._ask, service, path)
                number += 1
                due = max(due + self._interval, trio.current_time() - 1.0)
                await trio.sleep_until(due)

    async def _ask(self, service: Service, path: str) -> None:
        try:
            await ask(service, path, self._tally)
        finally:
            self._under_way.release()


@dataclass(slots=True)
class Sample:
    """One request of a load: when it began and ended (trio's clock), which client sent it, and what came."""

    client: int
    began: float
    ended: float
    reply: Reply | None
    error: str


class Load:
    """Clients that each send one request after the other with a short pause, and remember every one."""

    def __init__(self, services: tuple[Service, ...], path: str, pause: float) -> None:
        self._services = services
        self._path = path
        self._pause = pause
        self.samples: Final[list[Sample]] = []

    async def run(self) -> None:
        """Send until cancelled, then close the connections. Requests that the cancellation breaks off are not remembered."""
        try:
            async with trio.open_nursery() as nursery:
                for client, service in enumerate(self._services):
                    nursery.start_soon(self._run_client, client, service)
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                for service in self._services:
                    await service.aclose()

    async def _run_client(self, client: int, service: Service) -> None:
        while True:
            began = trio.current_time()
            reply: Reply | None = None
            error = ""
            try:
                reply = await service.get(self._path, seconds=REQUEST_SECONDS)
            except CallError as problem:
                error = str(problem)
            else:
                if reply.status != 200:
                    error = _describe(reply)
            self.samples.append(Sample(client, began, trio.current_time(), reply, error))
            await trio.sleep(self._pause)

    async def wait_samples(self, count: int) -> None:
        """Wait until so many more requests have finished. Each does, in time, or fails by its own limit."""
        goal = len(self.samples) + count
        await wait_until(lambda: len(self.samples) >= goal, count * REQUEST_SECONDS)

    def failed(self, since: float = 0.0) -> list[Sample]:
        """The requests begun at or after `since` that were not answered with 200."""
        return [sample for sample in self.samples if sample.error and sample.began >= since]
