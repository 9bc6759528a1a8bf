"""Waiting for what sends no event: another process, a file, the kernel."""

from collections.abc import Callable
from typing import Final

import trio

POLL_SECONDS: Final = 0.005


async def wait_until(condition: Callable[[], bool], seconds: float, pause: float = POLL_SECONDS) -> bool:
    """Ask `condition` again and again, `pause` seconds apart.

    Returns: True as soon as it holds; False if it does not within `seconds`.
    """
    deadline = trio.current_time() + seconds
    while True:
        if condition():
            return True
        if trio.current_time() >= deadline:
            return False
        await trio.sleep(pause)
