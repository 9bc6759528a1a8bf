"""Editing the mesh's files while requests are under way."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio

from hauberk_cli.demo.checks.load import load_on
from hauberk_cli.demo.checks.outcome import Outcome, failures, milliseconds
from hauberk_cli.demo.lateness import Lateness
from hauberk_cli.demo.log_follower import log_size, read_log
from hauberk_cli.demo.reviews_route import Weights, replace_file, with_weights
from hauberk_cli.demo.running import RunningDemo
from hauberk_cli.demo.traffic import Load
from hauberk_cli.demo.waiting import wait_until

VISIBLE_SECONDS: Final = 0.3
WAITS: Final = 8
"""Times that a process must be woken between a change on disk and the answer that shows it: control for each of its looks at the
file and for translation, the agent, its worker, and whoever stands on the road of the request that shows it."""
EDITS: Final = 20
MOST_LATE: Final = EDITS // 4
"""How late this process is served says little of the others at one moment, and much over many."""
CLIENTS: Final = 6
DEADLINE: Final = 30.0
WITNESSES: Final = 100
"""Requests of a load that must finish before a check goes on."""
_EVERYTHING_TO: Final[dict[str, Weights]] = {"v1": (100, 0, 0), "v3": (0, 0, 100)}


@dataclass(frozen=True, slots=True)
class Delay:
    """How long a change took to be visible, and how late this process itself was served meanwhile, both in seconds."""

    seconds: float
    lateness: float

    @property
    def is_prompt(self) -> bool:
        """Whether it is below VISIBLE_SECONDS, after what a machine that is busy with other things adds to each wait."""
        return self.seconds - WAITS * self.lateness < VISIBLE_SECONDS


async def check_edits(demo: RunningDemo) -> Outcome:
    """Turning all traffic from v1 to v3 and back by editing the route shows soon, on every connection, and no request fails."""
    route = demo.folder.reviews_route
    text = route.read_text()
    load = load_on(demo, CLIENTS)
    lateness = Lateness()
    delays: list[Delay] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        nursery.start_soon(lateness.run)
        for edit in range(EDITS):
            version = "v3" if edit % 2 == 0 else "v1"
            lateness.take()
            written = trio.current_time()
            replace_file(route, with_weights(text, _EVERYTHING_TO[version]))
            seconds = await _wait_visible(load, version, written)
            delays.append(Delay(seconds, lateness.take()))
            if math.isinf(seconds):
                break
        nursery.cancel_scope.cancel()
    replace_file(route, text)
    late = sum(not delay.is_prompt for delay in delays)
    passed = len(delays) == EDITS and not math.isinf(delays[-1].seconds) and late <= MOST_LATE and not load.failed()
    return Outcome(
        "an edited route moves traffic", passed, f"visible {_spread(delays)} over {len(delays)} edits; {failures(load)}"
    )


async def _wait_visible(load: Load, version: str, written: float) -> float:
    """Wait until every client of `load` was answered by this version of reviews twice in a row.

    Returns: seconds from `written` until the last request was begun that another version still answered, or until the first
    answer by this one, whichever is later; infinity if it did not show within DEADLINE.
    """
    place = len(load.samples)
    last_old = first_new = 0.0
    in_a_row: Counter[int] = Counter()
    while trio.current_time() < written + DEADLINE:
        for sample in load.samples[place:]:
            if sample.began < written or sample.reply is None:
                continue
            if sample.reply.header("reviews-version") == version:
                in_a_row[sample.client] += 1
                first_new = first_new or sample.ended
            else:
                in_a_row[sample.client] = 0
                last_old = max(last_old, sample.began)
        place = len(load.samples)
        if len(in_a_row) >= CLIENTS and min(in_a_row.values()) >= 2:
            return max(first_new, last_old) - written
        await trio.sleep(0.002)
    return math.inf


def _spread(delays: list[Delay]) -> str:
    ordered = sorted(delay.seconds for delay in delays)
    longest = max(delays, key=lambda delay: delay.seconds)
    figures = f"after {milliseconds(ordered[len(ordered) // 2])}, at most {milliseconds(longest.seconds)}"
    late = longest.seconds >= VISIBLE_SECONDS and not math.isinf(longest.seconds)
    return f"{figures} (on a machine that was {milliseconds(longest.lateness)} late)" if late else figures


async def check_mistakes(demo: RunningDemo) -> Outcome:
    """A file that is wrong is told with the place of the mistake, and the last good one serves on."""
    route = demo.folder.reviews_route
    text = route.read_text()
    wrong = {
        "an unknown field": (text.replace("backendRefs", "backendRef"), f"{route.name}:{_line_of(text, 'backendRefs')}:"),
        "half a file": (text[: text.index("backendRefs") + 4], f"{route.name}:"),
    }
    load = load_on(demo, CLIENTS)
    told: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        for mistake, (broken, place) in wrong.items():
            offset = log_size(demo.control.log)
            replace_file(route, broken)
            if await wait_until(partial(_is_told, demo.control.log, offset, place), DEADLINE):
                told.append(mistake)
            await load.wait_samples(WITNESSES)
        replace_file(route, text)
        nursery.cancel_scope.cancel()
    passed = len(told) == len(wrong) and not load.failed()
    figures = f"told: {' and '.join(told) or 'nothing'}; {failures(load)}"
    return Outcome("a mistake is told and harms nobody", passed, figures)


def _is_told(log: Path, offset: int, place: str) -> bool:
    return place in read_log(log, offset)[0]


def _line_of(text: str, word: str) -> int:
    return text[: text.index(word)].count("\n") + 1
