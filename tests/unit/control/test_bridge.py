import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import pytest
import trio
import trio.lowlevel
from live_authority import REVIEWS
from programs import free_port

from hauberk_control.bridge import BindFailed, open_grpc_server
from hauberk_control.ca.authority import Authority
from hauberk_control.ca.server_tls import server_credentials
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.client import channel_options

PATIENCE: Final = 60.0


class Echo:
    """A service whose handlers ask trio for what they answer."""

    def __init__(self, thread: AsyncioThread) -> None:
        self.thread = thread
        self.started = trio.Event()
        self.ended = trio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "test.Echo",
            {
                "Double": grpc.unary_unary_rpc_method_handler(self.double),
                "Count": grpc.unary_stream_rpc_method_handler(self.count),
            },
        )

    async def double(self, request: bytes, context: Any) -> bytes:
        return await self.thread.call_trio(self._double, request)

    async def count(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        await self.thread.call_trio(self._for_ever)

    async def _double(self, request: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return request * 2

    async def _for_ever(self) -> None:
        self.started.set()
        try:
            await trio.sleep_forever()
        finally:
            self.ended.set()


@pytest.fixture
async def thread() -> AsyncIterator[AsyncioThread]:
    async with open_asyncio_thread() as thread:
        yield thread


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", REVIEWS.trust_domain)


def credentials(authority: Authority) -> grpc.ServerCredentials:
    return server_credentials(authority, ["127.0.0.1", "::1"], require_certificate=False)


async def call(address: str, trust: bytes, request: bytes) -> bytes:
    async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trust), channel_options()) as channel:
        answer = await channel.unary_unary("/test.Echo/Double")(request, timeout=PATIENCE)
    assert isinstance(answer, bytes)
    return answer


async def test_a_handler_answers_with_what_trio_gives(thread: AsyncioThread, authority: Authority) -> None:
    async with open_grpc_server(thread, [Echo(thread).handler()], ("127.0.0.1", 0), credentials(authority)) as server:
        assert server.address == f"127.0.0.1:{server.port}"
        assert await thread.run(call, server.address, authority.trust_pem(), b"ab") == b"abab"


async def test_a_server_that_ends_cancels_its_calls_and_frees_its_port(thread: AsyncioThread, authority: Authority) -> None:
    echo = Echo(thread)
    ends: list[grpc.StatusCode] = []

    async def read_all(address: str, trust: bytes) -> int:
        count = 0
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trust), channel_options()) as channel:
            try:
                async for _ in channel.unary_stream("/test.Echo/Count")(b"", timeout=PATIENCE):
                    count += 1
            except grpc.aio.AioRpcError as error:
                ends.append(error.code())
        return count

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            address = ("127.0.0.1", free_port())
            async with open_grpc_server(thread, [echo.handler()], address, credentials(authority)) as server:
                nursery.start_soon(thread.run, read_all, server.address, authority.trust_pem())
                await echo.started.wait()
            await echo.ended.wait()
        async with open_grpc_server(thread, [echo.handler()], ("127.0.0.1", server.port), credentials(authority)) as again:
            assert again.port == server.port
            assert await thread.run(call, again.address, authority.trust_pem(), b"x") == b"xx"


async def test_a_client_that_leaves_cancels_what_trio_does_for_it(thread: AsyncioThread, authority: Authority) -> None:
    echo = Echo(thread)

    async def read_one(address: str, trust: bytes) -> bytes:
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trust), channel_options()) as channel:
            stream = channel.unary_stream("/test.Echo/Count")(b"", timeout=PATIENCE)
            first: bytes = await stream.read()
            await thread.call_trio(echo.started.wait)
            stream.cancel()
            return first

    with trio.fail_after(PATIENCE):
        async with open_grpc_server(thread, [echo.handler()], ("127.0.0.1", 0), credentials(authority)) as server:
            assert await thread.run(read_one, server.address, authority.trust_pem()) == b"first"
            await echo.ended.wait()


async def test_cancelling_the_block_stops_the_server(thread: AsyncioThread, authority: Authority) -> None:
    address = ("127.0.0.1", free_port())
    with trio.fail_after(PATIENCE), trio.CancelScope() as scope:
        async with open_grpc_server(thread, [Echo(thread).handler()], address, credentials(authority)):
            scope.cancel()
            await trio.sleep_forever()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=PATIENCE)


async def test_a_port_in_use_is_told(thread: AsyncioThread, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BindFailed, match="is something listening there already"):
        async with open_grpc_server(thread, [], taken.getsockname(), credentials(authority)):
            pass


async def test_an_address_of_version_six(thread: AsyncioThread, authority: Authority) -> None:
    async with open_grpc_server(thread, [Echo(thread).handler()], ("::1", 0), credentials(authority)) as server:
        assert server.address == f"[::1]:{server.port}"
        assert await thread.run(call, server.address, authority.trust_pem(), b"a") == b"aa"


async def test_no_address_means_both_versions(thread: AsyncioThread, authority: Authority) -> None:
    async with open_grpc_server(thread, [], ("", 0), credentials(authority)) as server:
        for host in ("127.0.0.1", "::1"):
            async with await trio.open_tcp_stream(host, server.port):
                pass
