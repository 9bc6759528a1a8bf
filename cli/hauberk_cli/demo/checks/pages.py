"""What people see: the page, with the reviews in the configured shares."""

import re
from typing import Final

import trio

from hauberk_cli.demo.checks.outcome import Outcome, errors
from hauberk_cli.demo.reviews_route import read_weights
from hauberk_cli.demo.running import VERSIONS, RunningDemo
from hauberk_cli.demo.traffic import Tally, ask

PAGES: Final = 200
CLIENTS: Final = 4
TOLERANCE: Final = 0.03
"""Shares are exact over a hundred requests in turn; here several clients and processes take turns side by side."""

# How a page shows the version of reviews that it got: the stars' colour, which only the page's own markup has.
_STARS: Final = re.compile(rb'class="stars (black|red)"')
_VERSION_BY_STARS: Final = {"": "v1", "black": "v2", "red": "v3"}


async def check_pages(demo: RunningDemo, tls: bool) -> Outcome:
    """Every version of reviews is seen on the page, by its stars, as often as its weight says."""
    weights = read_weights(demo.folder.reviews_route)
    tally = Tally()
    seen: list[str] = []

    async def visit() -> None:
        service = demo.service(tls=tls)
        for _ in range(PAGES // CLIENTS):
            reply = await ask(service, "/productpage", tally)
            if reply is not None and reply.status == 200 and b'class="card"' in reply.body:
                stars = _STARS.search(reply.body)
                seen.append(_VERSION_BY_STARS[stars[1].decode() if stars else ""])
        await service.aclose()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(visit)
    rate = len(seen) / (trio.current_time() - began)
    shares = {version: seen.count(version) / PAGES for version in VERSIONS}
    off = max(abs(shares[version] - weight / sum(weights)) for version, weight in zip(VERSIONS, weights, strict=True))
    shown = ", ".join(f"{version} {share:.1%}" for version, share in shares.items())
    passed = off <= TOLERANCE and min(shares.values()) > 0 and not tally.errors
    figures = f"{shown} of {PAGES} pages at {rate:.0f}/s; {errors(tally)}"
    return Outcome(f"the page on {'HTTPS' if tls else 'HTTP'}, weights {', '.join(map(str, weights))}", passed, figures)
