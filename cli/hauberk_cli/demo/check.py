"""The demo's checks of itself: each runs against the live demo and returns its verdict with the figures it rests on."""

import math
import os
import re
import signal
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from hauberk_cli.demo.descendants import descendants, is_running
from hauberk_cli.demo.gateway_config import (
    MARK_HEADER,
    REVIEWS_HOST,
    SHOP_HOST,
    VERSIONS,
    WEIGHTS,
    GatewayConfig,
    replace_file,
    write_config,
)
from hauberk_cli.demo.lateness import Lateness
from hauberk_cli.demo.ports import is_free
from hauberk_cli.demo.running import RunningDemo
from hauberk_cli.demo.traffic import Load, Tally, ask
from hauberk_cli.demo.waiting import wait_until

REVIEWS_PATH: Final = "/reviews/0"
MOST_PAGES: Final = 300
"""Pages asked for until every version has shown itself; a share of 5 % is missed that often once in five million runs."""
WEIGHED_REQUESTS: Final = 2000
WEIGHT_TOLERANCE: Final = 0.01
VISIBLE_SECONDS: Final = 0.1
WAITS: Final = 4
"""Times that a process must be woken between a change on disk and the answer that shows it: the agent for each of its two
looks at the file, the worker, and whoever asks."""
FLIPS: Final = 10
CHANGES: Final = 200
LOAD_CLIENTS: Final = 6
LOAD_PAUSE: Final = 0.01
CHANGE_DEADLINE: Final = 5.0
KILL_CLIENTS: Final = 12
WITNESSES: Final = 240
"""Requests of a load that must finish before a check goes on."""
END_SECONDS: Final = 2.0
REPLACED_SECONDS: Final = 5.0

# How a page shows the version of reviews that it got: the stars' colour, which only the page's own markup has.
_STARS: Final = re.compile(rb'class="stars (black|red)"')
_VERSION_BY_STARS: Final = {"": "v1", "black": "v2", "red": "v3"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a check passed, and its figures in words."""

    name: str
    passed: bool
    figures: str


@dataclass(frozen=True, slots=True)
class Delay:
    """How long a change took to be visible, and how late this process itself was served meanwhile, both in seconds."""

    seconds: float
    lateness: float

    @property
    def is_prompt(self) -> bool:
        """Whether it is below VISIBLE_SECONDS, after what a machine that is busy with other things adds to each wait."""
        return self.seconds - WAITS * self.lateness < VISIBLE_SECONDS


async def check_pages(demo: RunningDemo, tls: bool) -> Outcome:
    """Every version of reviews is seen on the page, by its stars."""
    service = demo.service(SHOP_HOST, tls=tls)
    tally = Tally()
    first_seen: dict[str, int] = {}
    for number in range(1, MOST_PAGES + 1):
        reply = await ask(service, "/productpage", tally)
        if reply is not None and reply.status == 200 and b'class="card"' in reply.body:
            stars = _STARS.search(reply.body)
            first_seen.setdefault(_VERSION_BY_STARS[stars[1].decode() if stars else ""], number)
        if len(first_seen) == len(VERSIONS):
            break
    await service.aclose()
    seen = ", ".join(
        f"{version} on page {first_seen[version]}" if version in first_seen else f"{version} never" for version in VERSIONS
    )
    passed = len(first_seen) == len(VERSIONS) and not tally.errors
    return Outcome(f"page on {'HTTPS' if tls else 'HTTP'} shows all reviews", passed, f"{seen}; {_errors(tally)}")


async def check_weights(demo: RunningDemo) -> Outcome:
    """Reviews are answered in the configured shares."""
    tally = Tally()
    clients = 4

    async def run_client() -> None:
        service = demo.service(REVIEWS_HOST)
        for _ in range(WEIGHED_REQUESTS // clients):
            await ask(service, REVIEWS_PATH, tally)
        await service.aclose()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(run_client)
    rate = tally.requests / (trio.current_time() - began)
    wanted = [weight / sum(WEIGHTS) for weight in WEIGHTS]
    off = max(abs(tally.share(version) - share) for version, share in zip(VERSIONS, wanted, strict=True))
    shares = ", ".join(f"{version} {tally.share(version):.2%}" for version in VERSIONS)
    passed = off <= WEIGHT_TOLERANCE and not tally.errors
    return Outcome("weights 90, 5, 5", passed, f"{shares} of {tally.requests} at {rate:.0f}/s; {_errors(tally)}")


async def check_weight_edits(demo: RunningDemo) -> Outcome:
    """Turning all traffic from v1 to v3 and back by editing the file shows at once, on every connection."""
    everything_to = {"v1": (100, 0, 0), "v3": (0, 0, 100)}
    load = _load(demo, LOAD_CLIENTS)
    lateness = Lateness()
    delays: list[Delay] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        nursery.start_soon(lateness.run)
        for flip in range(FLIPS):
            version = "v3" if flip % 2 == 0 else "v1"
            changed = demo.config.with_change(everything_to[version], f"edit-{flip}")
            delays.append(await _time_change(demo, changed, load, lateness, "reviews-version", version))
        nursery.cancel_scope.cancel()
    write_config(demo.folder.config, demo.config)
    passed = all(delay.is_prompt for delay in delays) and not load.failed()
    return Outcome("edited weights are visible", passed, f"{_spread(delays)} over {FLIPS} edits; {_failures(load)}")


async def check_changes_under_load(demo: RunningDemo) -> Outcome:
    """Configuration after configuration while requests are under way: none of them fails, and each change is soon visible."""
    load = _load(demo, LOAD_CLIENTS)
    lateness = Lateness()
    delays: list[Delay] = []
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        nursery.start_soon(lateness.run)
        for change in range(1, CHANGES + 1):
            share = change % 100
            changed = demo.config.with_change((100 - share, share, 0), f"change-{change}")
            delays.append(await _time_change(demo, changed, load, lateness, MARK_HEADER, changed.version))
            if math.isinf(delays[-1].seconds):
                break
        nursery.cancel_scope.cancel()
    seconds = trio.current_time() - began
    write_config(demo.folder.config, demo.config)
    passed = len(delays) == CHANGES and all(delay.is_prompt for delay in delays) and not load.failed()
    figures = (
        f"{len(delays)} changes in {seconds:.1f} s, {len(load.samples)} requests; visible {_spread(delays)}; {_failures(load)}"
    )
    return Outcome(f"{CHANGES} changes under load", passed, figures)


async def check_wrong_file(demo: RunningDemo) -> Outcome:
    """A file that is no configuration is refused with the place of the mistake, and the last good one serves on."""
    text = demo.folder.config.read_bytes()
    wrong = {
        "unknown cluster": (text.replace(b'"reviews-v2"', b'"reviews-v9"', 1), "reviews-v9"),
        "broken text": (text[: len(text) // 2], demo.folder.config.name),
    }
    load = _load(demo, LOAD_CLIENTS)
    told: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        for mistake, (data, clue) in wrong.items():
            offset = demo.gateway.log_size()
            replace_file(demo.folder.config, data)
            if await demo.gateway.wait_in_log(partial(_mentions, clue), offset, CHANGE_DEADLINE):
                told.append(mistake)
            await load.wait_samples(WITNESSES)
        written = trio.current_time()
        write_config(demo.folder.config, demo.config.with_change(WEIGHTS, "mended"))
        mended = await _wait_visible(load, MARK_HEADER, "mended", written)
        nursery.cancel_scope.cancel()
    write_config(demo.folder.config, demo.config)
    passed = len(told) == len(wrong) and not load.failed() and not math.isinf(mended)
    figures = f"refused: {' and '.join(told) or 'nothing'}; mended after {_milliseconds(mended)}; {_failures(load)}"
    return Outcome("a wrong file is refused", passed, figures)


async def check_worker_killed(demo: RunningDemo) -> Outcome:
    """A worker killed outright takes with it only what it was doing, and another takes its place."""
    before = _workers(demo)
    if not before:
        return Outcome("a killed worker is replaced", False, "the gateway has no worker process")
    load = _load(demo, KILL_CLIENTS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        await load.wait_samples(WITNESSES)
        killed = trio.current_time()
        os.kill(before[0], signal.SIGKILL)
        await wait_until(lambda: not is_running(before[0]), REPLACED_SECONDS, pause=0.001)
        # What was sent to the worker while the kernel took it down was in its hands too.
        gone = trio.current_time()
        replaced = await _wait_replaced(demo, before)
        await load.wait_samples(WITNESSES)
        nursery.cancel_scope.cancel()
    under_way = [sample for sample in load.samples if sample.began < gone and sample.ended > killed]
    lost = load.failed()
    lost_afterwards = load.failed(since=gone)
    most_by_one = max(Counter(sample.client for sample in lost).values(), default=0)
    longest = max((sample.ended - sample.began for sample in load.samples if sample.ended > killed), default=0.0)
    passed = not lost_afterwards and most_by_one <= 1 and not math.isinf(replaced)
    figures = (
        f"{len(under_way)} under way, {len(lost)} lost, {len(lost_afterwards)} lost of those sent afterwards; "
        f"new process after {_milliseconds(replaced)}, longest wait for an answer {_milliseconds(longest)}"
    )
    return Outcome("a killed worker is replaced", passed, figures)


async def check_nothing_left(demo: RunningDemo, processes: set[int], keep: bool) -> Outcome:
    """After the end, no process, port or file is left."""
    await wait_until(lambda: not any(map(is_running, processes)), END_SECONDS)
    running = [process for process in processes if is_running(process)]
    taken = [port for port in demo.addresses() if not is_free(port)]
    folder = "folder kept" if keep else "folder left" if demo.folder.root.exists() else "folder gone"
    passed = not running and not taken and folder != "folder left"
    figures = f"{len(running)} of {len(processes)} processes, {len(taken)} of {len(demo.addresses())} ports left, {folder}"
    return Outcome("nothing is left after the end", passed, figures)


def processes_of(demo: RunningDemo) -> set[int]:
    """The ids of every process of the demo at this moment."""
    return {process for group in demo.parts.groups for process in (group, *descendants(group))}


def _load(demo: RunningDemo, clients: int) -> Load:
    """A load on reviews, every other client by TLS. A connection that breaks is a loss, even if a retry would have hidden it."""
    services = tuple(demo.service(REVIEWS_HOST, tls=client % 2 == 1, retry=False) for client in range(clients))
    return Load(services, REVIEWS_PATH, LOAD_PAUSE)


async def _time_change(
    demo: RunningDemo, changed: GatewayConfig, load: Load, lateness: Lateness, header: str, value: str
) -> Delay:
    """Write a configuration and wait until the answers of reviews show it by this value of a header."""
    lateness.take()
    written = trio.current_time()
    write_config(demo.folder.config, changed)
    seconds = await _wait_visible(load, header, value, written)
    return Delay(seconds, lateness.take())


async def _wait_visible(load: Load, header: str, value: str, written: float) -> float:
    """Wait until every client of `load` was answered with this value of a header twice in a row.

    Returns: seconds from `written` until the last request that was begun and still answered by the old configuration, or until
    the first answer by the new one, whichever is later; infinity if it did not show within CHANGE_DEADLINE.
    """
    place = len(load.samples)
    last_old = first_new = 0.0
    in_a_row: Counter[int] = Counter()
    while trio.current_time() < written + CHANGE_DEADLINE:
        for sample in load.samples[place:]:
            if sample.began < written or sample.reply is None:
                continue
            if sample.reply.header(header) == value:
                in_a_row[sample.client] += 1
                first_new = first_new or sample.ended
            else:
                in_a_row[sample.client] = 0
                last_old = max(last_old, sample.began)
        place = len(load.samples)
        if len(in_a_row) >= LOAD_CLIENTS and min(in_a_row.values()) >= 2:
            return max(first_new, last_old) - written
        await trio.sleep(0.002)
    return math.inf


def _workers(demo: RunningDemo) -> list[int]:
    """Worker processes of the gateway, the agent's own children."""
    return [process for process, command in descendants(demo.gateway.process.pid).items() if "hauberk_core.worker" in command]


async def _wait_replaced(demo: RunningDemo, before: list[int]) -> float:
    """Wait until there are as many workers as before, one of them new. Returns: seconds, or infinity if it took too long."""
    began = trio.current_time()
    replaced = await wait_until(lambda: _is_replaced(before, _workers(demo)), REPLACED_SECONDS)
    return trio.current_time() - began if replaced else math.inf


def _is_replaced(before: list[int], now: list[int]) -> bool:
    return before[0] not in now and len(now) >= len(before)


def _mentions(clue: str, log: str) -> bool:
    return clue in log


def _milliseconds(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{seconds * 1000:.0f} ms"


def _spread(delays: list[Delay]) -> str:
    ordered = sorted(delay.seconds for delay in delays)
    longest = max(delays, key=lambda delay: delay.seconds)
    figures = f"after {_milliseconds(ordered[len(ordered) // 2])}, at most {_milliseconds(longest.seconds)}"
    late = longest.seconds >= VISIBLE_SECONDS and not math.isinf(longest.seconds)
    return f"{figures} (on a machine that was {_milliseconds(longest.lateness)} late)" if late else figures


def _errors(tally: Tally) -> str:
    return f"{tally.errors} errors" + (f" ({tally.last_error})" if tally.errors else "")


def _failures(load: Load) -> str:
    failed = load.failed()
    return f"{len(failed)} failed" + (f" ({failed[-1].error})" if failed else "")
