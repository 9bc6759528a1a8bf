import os
from collections.abc import Awaitable, Callable

import pytest

from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.checks import leftovers
from hauberk_cli.demo.checks.leftovers import check_nothing_left
from hauberk_cli.demo.running import RunningDemo

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]


async def _nothing(request: Request) -> Response:
    return Response()


async def test_what_is_left_is_found(make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "END_SECONDS", 0.2)
    demo = await make_demo(_nothing)
    outcome = await check_nothing_left(demo, {os.getpid()}, keep=False)
    assert not outcome.passed
    assert outcome.figures == "1 of 1 processes, 3 of 3 ports left, folder left"
