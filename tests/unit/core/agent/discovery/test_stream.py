"""One stream to control, and what becomes of it where control is not itself."""

from pathlib import Path

import pytest
import trio
from mesh_world import MeshWorld

from hauberk_core.agent.discovery.mirror import Mirror
from hauberk_core.agent.discovery.stream import StreamEnded, open_stream
from hauberk_core.agent.grpc_bridge import open_asyncio_thread
from hauberk_core.wire_proto.discovery_pb2 import Node

# gRPC of its own accord comes again after a second, a fifth more or less.
REDIAL_SECONDS = 1.5


async def test_a_stream_that_failed_dials_once(tmp_path: Path) -> None:
    identity = MeshWorld(tmp_path).identity("reviews")
    greeting = Mirror("", {}).greet(Node(id="reviews"))
    dialled = 0

    async def close_all(listener: trio.SocketListener) -> None:
        nonlocal dialled
        while True:
            stream = await listener.accept()
            dialled += 1
            await trio.aclose_forcefully(stream)

    async with open_asyncio_thread() as thread, trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(close_all, listener)
        address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        # What is raised refers to the channel, and keeps it alive.
        with pytest.raises(StreamEnded, match="cannot be reached") as raised:
            async with open_stream(thread, address, identity, greeting):
                pass
        await trio.sleep(REDIAL_SECONDS)
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(listener)
    assert dialled == 1
    assert raised.value.__cause__ is not None
