"""The demo's checks must fail where there is something to find: here they are held against gateways that do it wrong."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
import trio
import trio.testing

from hauberk_bookshop.serving import Server
from hauberk_bookshop.web import Request, Response
from hauberk_cli.demo.check import Delay, check_nothing_left, check_pages, check_weights
from hauberk_cli.demo.folder import DemoFolder
from hauberk_cli.demo.gateway_config import GatewayConfig
from hauberk_cli.demo.lateness import PAUSE, Lateness
from hauberk_cli.demo.processes import Minder, Part, Parts, open_minder
from hauberk_cli.demo.running import GatewayPlan, RunningDemo

MakeDemo = Callable[[Iterator[str]], Awaitable[RunningDemo]]
_STARS = {"v1": "", "v2": '<p class="stars black">', "v3": '<p class="stars red">'}


@pytest.fixture
async def make_demo(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[MakeDemo]:
    """Build a demo whose gateway is a plain server that answers as the versions given, one after the other."""
    with open_minder(tmp_path / "minded", keep=False) as minder:

        async def make(versions: Iterator[str]) -> RunningDemo:
            async def handle(request: Request) -> Response:
                version = next(versions)
                body = f'<div class="card">{_STARS[version]}</div>'.encode()
                return Response(200, body, "text/html", (("reviews-version", version),))

            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(Server(handle).run, listeners, trio.Event())
            return await _demo(tmp_path, listeners[0].socket.getsockname()[1], nursery, minder)

        yield make


async def _demo(tmp_path: Path, port: int, nursery: trio.Nursery, minder: Minder) -> RunningDemo:
    process = await trio.lowlevel.open_process(["true"])
    await process.wait()
    (tmp_path / "demo").mkdir()
    folder = DemoFolder(tmp_path / "demo")
    plan = GatewayPlan(port, port, port, workers=1)
    gateway = Part("gateway", process, folder.log("gateway"))
    return RunningDemo(folder, plan, GatewayConfig(port, port, {}), gateway, Parts(nursery, minder), ssl.create_default_context())


@pytest.mark.parametrize(("v1", "v2", "v3", "right"), [(90, 5, 5, True), (88, 6, 6, False), (90, 10, 0, False)])
async def test_weights(make_demo: MakeDemo, v1: int, v2: int, v3: int, right: bool) -> None:
    demo = await make_demo(cycle(["v1"] * v1 + ["v2"] * v2 + ["v3"] * v3))
    outcome = await check_weights(demo)
    assert outcome.passed is right, outcome.figures


@pytest.mark.parametrize(("versions", "right"), [(["v1", "v3", "v2"], True), (["v1", "v2"], False)])
async def test_pages(make_demo: MakeDemo, versions: list[str], right: bool) -> None:
    outcome = await check_pages(await make_demo(cycle(versions)), tls=False)
    assert outcome.passed is right, outcome.figures
    assert ("v3 never" in outcome.figures) is not right


async def test_what_is_left_is_found(make_demo: MakeDemo) -> None:
    demo = await make_demo(cycle(["v1"]))
    outcome = await check_nothing_left(demo, {os.getpid()}, keep=False)
    assert not outcome.passed
    assert outcome.figures == "1 of 1 processes, 3 of 3 ports left, folder left"


@pytest.mark.parametrize(
    ("seconds", "lateness", "prompt"), [(0.099, 0.0, True), (0.101, 0.0, False), (0.130, 0.010, True), (float("inf"), 9.0, False)]
)
def test_a_delay_is_read_against_the_machine(seconds: float, lateness: float, prompt: bool) -> None:
    assert Delay(seconds, lateness).is_prompt is prompt


async def test_lateness_is_what_a_sleep_took_too_long(mock_clock: trio.testing.MockClock) -> None:
    lateness = Lateness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lateness.run)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(PAUSE)
        await trio.testing.wait_all_tasks_blocked()
        assert lateness.take() == pytest.approx(0.0)
        mock_clock.jump(PAUSE + 0.25)
        await trio.testing.wait_all_tasks_blocked()
        assert lateness.take() == pytest.approx(0.25)
        assert lateness.take() == pytest.approx(0.0)
        nursery.cancel_scope.cancel()
