from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from live_authority import LiveAuthority, live_authority

from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    async with open_asyncio_thread() as thread:
        yield thread


@pytest.fixture
async def live(thread: AsyncioThread, tmp_path: Path) -> AsyncIterator[LiveAuthority]:
    async with live_authority(thread, tmp_path / "ca") as live:
        yield live
