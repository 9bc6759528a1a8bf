"""Waiting for what sends no event."""

from collections.abc import Callable

import trio


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once `condition` holds. Raises: trio.TooSlowError."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the point of it
            await trio.sleep(0.005)
