"""gRPC servers of control, run from trio: `grpc.aio` on the asyncio thread beside it."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
import trio

from hauberk_core.agent.grpc_bridge import AsyncioThread

# Each proxy holds one stream for as long as it lives and makes a call now and then: room for ten thousand proxies. gRPC refuses
# what is beyond with RESOURCE_EXHAUSTED.
MOST_CALLS: Final = 16_384
# A proxy's node document, or the error text of a refused configuration, and far more than either needs.
LARGEST_MESSAGE: Final = 4 * 1024 * 1024
# What calls get to end in when the server stops; streams do not end by themselves.
_GRACE_SECONDS: Final = 1.0
# For stopping as a whole: it takes no longer than the grace, unless this process gets no turn.
_STOP_SECONDS: Final = 10.0
# Dead peers, those whose machine went away, are noticed within a minute.
_KEEPALIVE_MS: Final = 30_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    # Clients ping as often, also while no call is under way.
    ("grpc.http2.min_ping_interval_without_data_ms", _KEEPALIVE_MS // 2),
    ("grpc.keepalive_permit_without_calls", 1),
    # A second process on the same port would take half of the connections and know nothing of the other half's tokens.
    ("grpc.so_reuseport", 0),
)


class BindFailed(Exception):
    """A server cannot listen where it is to; the message says what to do."""


class GrpcServer(NamedTuple):
    """A server that listens."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """`host:port`, as clients dial it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def open_grpc_server(
    thread: AsyncioThread,
    handlers: Sequence[grpc.GenericRpcHandler],
    address: tuple[str, int],
    tls: grpc.ServerCredentials,
) -> AsyncIterator[GrpcServer]:
    """Serve `handlers` from now until the end of the block. The handlers' coroutines run on `thread`.

    Args: address - host and port; an empty host: every address, of both families; port 0 chooses one. Raises: BindFailed.
    Cancellation: the server is stopped, its calls are cancelled after a second, and the port is free afterwards.
    """
    # gRPC takes this for IPv4 too, and for IPv4 alone where there is no IPv6.
    host, port = address[0] or "::", address[1]
    server, bound = await thread.run(_start, list(handlers), host, port, tls)
    try:
        yield GrpcServer(host, bound)
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(_STOP_SECONDS):
            await thread.run(server.stop, _GRACE_SECONDS)


async def _start(handlers: list[grpc.GenericRpcHandler], host: str, port: int, tls: grpc.ServerCredentials) -> tuple[Any, int]:
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    server.add_generic_rpc_handlers(tuple(handlers))
    written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(written, tls)
    except RuntimeError as error:
        await server.stop(None)
        raise BindFailed(f"gRPC cannot listen on {written}: {error}; is something listening there already?") from error
    await server.start()
    return server, bound
