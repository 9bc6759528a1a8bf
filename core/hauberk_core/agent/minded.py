"""A process that is minded ends when its minder does, also when that was killed and could not say so.

Whoever starts it holds the other end of a pipe, which is the process's standard input: the system closes it. This works wherever
there are pipes, and through every exec in between.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import trio

MINDED_VARIABLE: Final = "HAUBERK_MINDED"
"""`1`: standard input is such a pipe."""
_STANDARD_INPUT: Final = 0


async def wait_unminded(environment: Mapping[str, str] = os.environ, descriptor: int = _STANDARD_INPUT) -> None:
    """Wait until the minder has gone; for ever, where there is none. Cancellation: safe."""
    if environment.get(MINDED_VARIABLE) != "1":
        await trio.sleep_forever()
    pipe = trio.lowlevel.FdStream(os.dup(descriptor))
    async with pipe:
        with suppress(trio.BrokenResourceError):
            while await pipe.receive_some():
                pass
