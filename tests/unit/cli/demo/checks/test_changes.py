"""The checks of edits must fail where an edit has no effect, or comes too late."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.checks import changes
from hauberk_cli.demo.checks.changes import Delay, check_edits, check_mistakes
from hauberk_cli.demo.lateness import PAUSE, Lateness
from hauberk_cli.demo.reviews_route import read_weights
from hauberk_cli.demo.running import RunningDemo

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]


class _Gateway:
    """Answers with the version that the file gives most to, once it knows of the file."""

    def __init__(self) -> None:
        self.demo: RunningDemo | None = None
        self.faults = 0

    async def handle(self, request: Request) -> Response:
        if self.faults:
            self.faults -= 1
            return Response(503, b"no")
        version = "v1"
        if self.demo is not None:
            weights = read_weights(self.demo.folder.reviews_route)
            version = ("v1", "v2", "v3")[weights.index(max(weights))]
        return Response(200, b"{}", headers=(("reviews-version", version),))


@pytest.fixture(autouse=True)
def plain_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway of these tests speaks no TLS, and few requests tell enough."""
    original = RunningDemo.service
    monkeypatch.setattr(RunningDemo, "service", lambda demo, *, tls=False, retry=True: original(demo, tls=False, retry=retry))
    monkeypatch.setattr(changes, "EDITS", 3)
    monkeypatch.setattr(changes, "WITNESSES", 10)


async def test_edits_that_show_at_once_pass_and_the_file_is_as_before(make_demo: MakeDemo) -> None:
    gateway = _Gateway()
    demo = await make_demo(gateway.handle)
    gateway.demo = demo
    before = demo.folder.reviews_route.read_text()
    outcome = await check_edits(demo)
    assert outcome.passed, outcome.figures
    assert demo.folder.reviews_route.read_text() == before


async def test_edits_without_effect_fail(make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "DEADLINE", 0.2)
    outcome = await check_edits(await make_demo(_Gateway().handle))
    assert not outcome.passed
    assert "never" in outcome.figures


async def test_one_lost_request_fails_it(make_demo: MakeDemo) -> None:
    gateway = _Gateway()
    demo = await make_demo(gateway.handle)
    gateway.demo = demo
    gateway.faults = 1
    outcome = await check_edits(demo)
    assert not outcome.passed
    assert "1 of" in outcome.figures


@pytest.mark.parametrize("told", ["reviews-route.yaml:10:5: no member", "something is wrong"])
async def test_mistakes_have_to_be_told_with_their_place(
    make_demo: MakeDemo, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    right = told.startswith("reviews-route")
    # Long for what comes on a busy machine too, short for what never does.
    monkeypatch.setattr(changes, "DEADLINE", 60.0 if right else 0.5)
    demo = await make_demo(_Gateway().handle)
    before = demo.folder.reviews_route.read_text()

    async def control() -> None:
        seen = before
        while True:
            text = demo.folder.reviews_route.read_text()
            if text not in (seen, before):
                with demo.control.log.open("a") as log:
                    log.write(f"{told}\n")
            seen = text
            await trio.sleep(0.005)

    nursery.start_soon(control)
    outcome = await check_mistakes(demo)
    assert outcome.passed is right, outcome.figures
    assert demo.folder.reviews_route.read_text() == before


@pytest.mark.parametrize(
    ("seconds", "lateness", "prompt"), [(0.299, 0.0, True), (0.301, 0.0, False), (0.350, 0.010, True), (float("inf"), 9.0, False)]
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
