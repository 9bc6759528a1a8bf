"""A gRPC service of grpcio in the test's own process, and callers of it: octets as messages, so that nothing is generated."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Final

import grpc

SERVICE: Final = "books.v1.Reviews"
PATIENCE: Final = 60.0
LARGE: Final = 8 * 1024 * 1024
_OPTIONS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
Metadata = tuple[tuple[str, str | bytes], ...]


class Service:
    """Echoes what it is sent, in all four shapes; fails, waits and talks without end where it is asked to."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.calls = 0
        self.peers: Final[set[str]] = set()
        """The connections by which calls came."""
        self.cancelled: Final = threading.Event()
        """A caller of `Wait` or `Talk` has gone."""
        self.deadline: float | None = None
        """What was left to the last call, in seconds."""
        self._lock: Final = threading.Lock()

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a server answers calls with."""
        methods = {
            "Get": grpc.unary_unary_rpc_method_handler(self._get),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self._wait),
            "Break": grpc.unary_stream_rpc_method_handler(self._break),
            "List": grpc.unary_stream_rpc_method_handler(self._list),
            "Talk": grpc.unary_stream_rpc_method_handler(self._talk),
            "Sum": grpc.stream_unary_rpc_method_handler(self._sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _note(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            self.calls += 1
            self.peers.add(context.peer())
            self.deadline = context.time_remaining()
        context.set_trailing_metadata((("x-served-by", self.name), ("x-octets-bin", b"\x00\xff\x80")))

    def _get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        sent = dict(context.invocation_metadata())
        if "x-echo-bin" in sent:
            context.send_initial_metadata((("x-echo-bin", sent["x-echo-bin"]), ("x-text", sent["x-text"])))
        self._note(context)
        return request

    def _fail(self, request: bytes, context: grpc.ServicerContext) -> None:
        self._note(context)
        context.abort(grpc.StatusCode.NOT_FOUND, "no review of «Ulysses», 100 %")

    def _wait(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.cancelled.set)
        self._note(context)
        self.cancelled.wait(PATIENCE)
        return request

    def _break(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self._note(context)
        yield request
        context.abort(grpc.StatusCode.DATA_LOSS, "half of it is gone")

    def _list(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self._note(context)
        for number in range(int(request)):
            yield b"%d" % number

    def _talk(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(self.cancelled.set)
        self._note(context)
        while not self.cancelled.wait(0.01):
            yield request

    def _sum(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._note(context)
        return b"%d" % sum([int(request) for request in requests])

    def _chat(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        self._note(context)
        for request in requests:
            yield request.upper()


class Caller:
    """A channel, which is one connection."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel: Final = channel

    def unary(self, method: str, service: str = SERVICE) -> grpc.UnaryUnaryMultiCallable:
        return self._channel.unary_unary(f"/{service}/{method}")

    def stream_out(self, method: str) -> grpc.UnaryStreamMultiCallable:
        return self._channel.unary_stream(f"/{SERVICE}/{method}")

    def stream_in(self, method: str) -> grpc.StreamUnaryMultiCallable:
        return self._channel.stream_unary(f"/{SERVICE}/{method}")

    def both(self, method: str) -> grpc.StreamStreamMultiCallable:
        return self._channel.stream_stream(f"/{SERVICE}/{method}")


class Conversation:
    """A call of `Chat` that lasts, without a deadline: what is said comes back in capitals."""

    def __init__(self, caller: Caller) -> None:
        """Begin."""
        self._said: Final[SimpleQueue[bytes | None]] = SimpleQueue()
        self._call: Final = caller.both("Chat")(iter(self._said.get, None))

    def say(self, message: bytes) -> bytes:
        """Returns: what comes back. Raises: grpc.RpcError."""
        self._said.put(message)
        with self._patience():
            answer: bytes = next(self._call)
        return answer

    def end(self) -> grpc.StatusCode:
        """Say no more. Returns: how the call ended."""
        self._said.put(None)
        with self._patience():
            assert list(self._call) == []
            return self._call.code()

    def cancel(self) -> None:
        """End it, whatever is under way."""
        self._said.put(None)
        self._call.cancel()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Cancel the call if what is done takes too long."""
        timer = threading.Timer(PATIENCE, self._call.cancel)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@contextmanager
def grpc_service(name: str = "reviews", port: int = 0, threads: int = 32) -> Iterator[tuple[Service, int]]:
    """A server. Args: port - 0: one of its own; threads - calls at a time."""
    service = Service(name)
    server = grpc.server(ThreadPoolExecutor(max_workers=threads), handlers=(service.handlers(),), options=_OPTIONS)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield service, bound
    finally:
        service.cancelled.set()
        server.stop(0).wait()


@contextmanager
def calling_at(port: int, authority: str = "a.test") -> Iterator[Caller]:
    """A caller with a connection of its own."""
    options = (*_OPTIONS, ("grpc.default_authority", authority), ("grpc.use_local_subchannel_pool", 1))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield Caller(channel)


def failure(call: Callable[[], object]) -> grpc.RpcError:
    """How a call fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def paced(messages: list[bytes], seconds: float) -> Iterator[bytes]:
    """Messages with pauses between them."""
    for message in messages:
        yield message
        time.sleep(seconds)
