"""Trouble on request: late answers and refusals, to watch how a proxy takes them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from hauberk_bookshop.settings import LONGEST_DELAY
from hauberk_bookshop.web import Handler, Request, Response, problem

_LONGEST_NUMBER: Final = 32
"""Octets of a file that are looked at."""


def read_delay(file: Path, otherwise: float) -> float:
    """The seconds that are written in `file` now, so that a running service can be made slow and quick again.

    Returns: at most LONGEST_DELAY; `otherwise` where there is no file, or no such number in it.
    """
    try:
        with file.open("rb") as text:
            seconds = float(text.read(_LONGEST_NUMBER))
    except (OSError, ValueError):
        return otherwise
    return min(seconds, LONGEST_DELAY) if math.isfinite(seconds) and seconds >= 0 else otherwise


def with_faults(handler: Handler, delay: Callable[[], float], rate: float, dice: Callable[[], float]) -> Handler:
    """Let `handler` answer late, and a share `rate` of its answers be 503. `/health` stays as it is.

    Args: delay - asked at each request for the seconds to wait; dice - returns numbers in [0, 1), each request takes one.
    """

    async def faulty(request: Request) -> Response:
        if request.path != "/health":
            await trio.sleep(delay())
            if dice() < rate:
                return problem(503, "this service was asked to fail now and then")
        return await handler(request)

    return faulty
