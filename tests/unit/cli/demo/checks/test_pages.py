"""The check of pages must fail where there is something to find: here it is held against gateways that do it wrong."""

from collections.abc import Awaitable, Callable
from itertools import cycle

import pytest

from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.checks.pages import check_pages
from hauberk_cli.demo.running import RunningDemo

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]
_STARS = {"v1": "", "v2": '<p class="stars black">', "v3": '<p class="stars red">'}


def _pages(versions: list[str]) -> Handler:
    turn = cycle(versions)

    async def handle(request: Request) -> Response:
        version = next(turn)
        if version == "fault":
            return Response(503, b"no reviews")
        body = f'<div class="card">{_STARS[version]}</div>'.encode()
        return Response(200, body, "text/html", (("reviews-version", version),))

    return handle


@pytest.mark.parametrize(
    ("v1", "v2", "v3", "fault", "right"),
    [(90, 5, 5, 0, True), (86, 7, 7, 0, False), (95, 5, 0, 0, False), (90, 10, 0, 0, False), (89, 5, 5, 1, False)],
)
async def test_shares(make_demo: MakeDemo, v1: int, v2: int, v3: int, fault: int, right: bool) -> None:
    demo = await make_demo(_pages(["v1"] * v1 + ["v2"] * v2 + ["v3"] * v3 + ["fault"] * fault))
    outcome = await check_pages(demo, tls=False)
    assert outcome.passed is right, outcome.figures
    assert outcome.name == "the page on HTTP, weights 90, 5, 5"
