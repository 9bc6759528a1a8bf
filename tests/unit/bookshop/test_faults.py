from pathlib import Path

import pytest
import trio
import trio.testing

from hauberk_bookshop.faults import read_delay, with_faults
from hauberk_bookshop.settings import LONGEST_DELAY
from hauberk_bookshop.web import Request, Response

_RATINGS, _HEALTH = Request("GET", "/ratings/0"), Request("GET", "/health")


async def _quick(request: Request) -> Response:
    return Response(200)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        (" 0.25\n", 0.25),
        ("0", 0.0),
        ("1e9", LONGEST_DELAY),
        ("", 1.5),
        ("soon", 1.5),
        ("-1", 1.5),
        ("nan", 1.5),
        ("inf", 1.5),
    ],
)
def test_a_file_says_how_late(tmp_path: Path, text: str, seconds: float) -> None:
    file = tmp_path / "ratings.delay"
    assert read_delay(file, 1.5) == 1.5
    file.write_text(text)
    assert read_delay(file, 1.5) == seconds


async def test_answers_are_late_from_one_request_to_the_next(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    file = tmp_path / "ratings.delay"
    handle = with_faults(_quick, lambda: read_delay(file, 0.0), 0.0, lambda: 1.0)
    for text, seconds in (("3", 3.0), ("0", 0.0), ("0.5", 0.5)):
        file.write_text(text)
        began = trio.current_time()
        await handle(_RATINGS)
        assert trio.current_time() - began == pytest.approx(seconds)
        await handle(_HEALTH)
        assert trio.current_time() - began == pytest.approx(seconds)


async def test_a_share_of_answers_fails() -> None:
    dice = iter([0.1, 0.3])
    handle = with_faults(_quick, lambda: 0.0, 0.2, lambda: next(dice))
    assert [(await handle(_RATINGS)).status for _ in range(2)] == [503, 200]
