"""Trouble on request: late answers and refusals, to watch how a proxy takes them."""

from collections.abc import Callable

import trio

from hauberk_bookshop.web import Handler, Request, Response, problem


def with_faults(handler: Handler, delay: float, rate: float, dice: Callable[[], float]) -> Handler:
    """Let `handler` answer `delay` seconds late, and a share `rate` of its answers be 503. `/health` stays as it is.

    Args: dice - returns numbers in [0, 1), each request takes one.
    """
    if not delay and not rate:
        return handler

    async def faulty(request: Request) -> Response:
        if request.path != "/health":
            await trio.sleep(delay)
            if dice() < rate:
                return problem(503, "this service was asked to fail now and then")
        return await handler(request)

    return faulty
