"""What a control keeps in a cluster, kept in an API server of the test's own."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import trio
from kube_api import KubeApi

from hauberk_control.kubernetes.client import Client
from hauberk_control.kubernetes.objects import Objects


class Trust:
    """The roots to trust, as a test changes them."""

    def __init__(self, pem: bytes = b"first") -> None:
        self.pem = pem

    def __call__(self) -> bytes:
        return self.pem


class Keeper(Protocol):
    """Keeps objects as they are to be, until cancelled."""

    async def run(self) -> None: ...


@contextlib.asynccontextmanager
async def keeping(
    api: KubeApi, keeper: Callable[[Client, Objects, Trust, Callable[[], float]], Keeper], trust: Trust
) -> AsyncIterator[None]:
    """A keeper at work until the end of the block, which waits without chance."""
    async with api.serving():
        client = api.client()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper(client, Objects(client), trust, lambda: 0.0).run)
            yield
            nursery.cancel_scope.cancel()
        client.close()
