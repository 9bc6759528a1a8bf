"""Clients and servers of grpcio, with a gateway or two sidecars between them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import grpc
import pytest
from grpc_peers import LARGE, PATIENCE, Caller, Service, calling_at, failure, grpc_service, paced
from live_proxy import LiveProxy, forward_to, live_proxy
from mesh_authority import workload
from mesh_workers import World, calling, mesh, serving

pytestmark = pytest.mark.e2e

BACKENDS: Final = 3
HTTP2: Final = {"protocol": "http2"}
REVIEWS: Final = workload("reviews")
CALLER: Final = workload("caller")


class Road:
    """The way from a caller to a service, through proxies."""

    def __init__(self, port: int, service: Service, travel: Callable[[Callable[[], object]], object]) -> None:
        self.port: Final = port
        self.service: Final = service
        self._travel: Final = travel

    def run(self, work: Callable[[Caller], object]) -> None:
        """Let a caller of its own do something."""

        def call() -> None:
            with calling_at(self.port) as caller:
                work(caller)

        self._travel(call)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Road]:
    with grpc_service() as (service, backend), live_proxy(forward_to(backend, cluster=HTTP2)) as running:
        yield Road(running.port, service, lambda work: work())


@pytest.fixture
def sidecars(mesh_world: World) -> Iterator[Road]:
    """Two of them, with mutual TLS between them."""
    with grpc_service() as (service, backend):
        inner = mesh_world.worker(mesh_world.authority.issue(REVIEWS))
        inner.follow(serving(backend, mesh(CALLER), protocol="http2"))
        outer = mesh_world.worker(mesh_world.authority.issue(CALLER))
        outer.follow(calling(inner.port, mesh(REVIEWS), protocol="http2"))
        yield Road(outer.port, service, mesh_world.during)


@pytest.fixture(params=["gateway", "sidecars"])
def road(request: pytest.FixtureRequest) -> Road:
    found: Road = request.getfixturevalue(request.param)
    found.service.cancelled.clear()
    return found


def test_all_four_shapes(road: Road) -> None:
    def work(caller: Caller) -> None:
        assert caller.unary("Get")(b"hello", timeout=PATIENCE) == b"hello"
        assert caller.unary("Get")(b"", timeout=PATIENCE) == b""
        assert list(caller.stream_out("List")(b"100", timeout=PATIENCE)) == [b"%d" % number for number in range(100)]
        assert caller.stream_in("Sum")(iter([b"1", b"2", b"39"]), timeout=PATIENCE) == b"42"
        assert list(caller.both("Chat")(iter([b"a", b"b"]), timeout=PATIENCE)) == [b"A", b"B"]

    road.run(work)


def test_both_sides_of_a_stream_talk_by_turns(road: Road) -> None:
    def work(caller: Caller) -> None:
        answered = threading.Semaphore(1)

        def questions() -> Iterator[bytes]:
            for number in range(20):
                assert answered.acquire(timeout=PATIENCE)
                yield b"q%d" % number

        for number, answer in enumerate(caller.both("Chat")(questions(), timeout=PATIENCE)):
            assert answer == b"Q%d" % number
            answered.release()

    road.run(work)


def test_large_messages_arrive_whole_both_ways(road: Road) -> None:
    message = bytes(range(256)) * (LARGE // 256)
    road.run(lambda caller: _same(caller.unary("Get")(message, timeout=PATIENCE), message))


def _same(found: bytes, expected: bytes) -> None:
    # Without pytest's comparison of eight million octets.
    assert len(found) == len(expected)
    assert hash(found) == hash(expected)


def test_metadata_of_text_and_octets_pass_in_heads_and_trailers(road: Road) -> None:
    def work(caller: Caller) -> None:
        sent = (("x-echo-bin", b"\x00\x01\xfe\xff"), ("x-text", "a, b"))
        answer, call = caller.unary("Get").with_call(b"x", timeout=PATIENCE, metadata=sent)
        assert answer == b"x"
        initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
        assert (initial["x-echo-bin"], initial["x-text"]) == (b"\x00\x01\xfe\xff", "a, b")
        assert (trailing["x-octets-bin"], trailing["x-served-by"]) == (b"\x00\xff\x80", "reviews")

    road.run(work)


def test_statuses_of_the_service_arrive_as_they_are(road: Road) -> None:
    def work(caller: Caller) -> None:
        error = failure(lambda: caller.unary("Fail")(b"x", timeout=PATIENCE))
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no review of «Ulysses», 100 %")
        assert dict(error.trailing_metadata())["x-octets-bin"] == b"\x00\xff\x80"
        answers = caller.stream_out("Break")(b"half", timeout=PATIENCE)
        assert next(answers) == b"half"
        error = failure(lambda: next(answers))
        assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "half of it is gone")
        assert failure(lambda: caller.unary("Gone")(b"x", timeout=PATIENCE)).code() == grpc.StatusCode.UNIMPLEMENTED

    road.run(work)


@pytest.mark.parametrize("shape", ["unary", "stream"])
def test_a_caller_that_cancels_is_heard_by_the_service(road: Road, shape: str) -> None:
    def work(caller: Caller) -> None:
        before = road.service.calls
        if shape == "unary":
            call = caller.unary("Wait").future(b"x", timeout=PATIENCE)
        else:
            call = caller.stream_out("Talk")(b"x", timeout=PATIENCE)
            assert next(call) == b"x"
        while road.service.calls == before:
            assert not call.done()
        call.cancel()
        assert road.service.cancelled.wait(PATIENCE)
        assert call.code() == grpc.StatusCode.CANCELLED

    road.run(work)


def test_deadlines_reach_the_service_and_end_the_call(road: Road) -> None:
    def work(caller: Caller) -> None:
        caller.unary("Get")(b"x", timeout=PATIENCE)
        assert road.service.deadline is not None
        assert 0 < road.service.deadline <= PATIENCE
        before = road.service.calls
        for seconds in (0.3, 3.0, PATIENCE):
            # A machine that stands still may keep a call from its service until it is too late; a longer one then tells.
            ended = failure(lambda seconds=seconds: caller.unary("Wait")(b"x", timeout=seconds))  # type: ignore[misc]
            assert ended.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            if road.service.calls > before:
                break
        assert road.service.cancelled.wait(PATIENCE)

    road.run(work)


def test_a_hundred_streams_at_a_time_over_one_connection_are_spread_over_all_backends() -> None:
    with ExitStack() as stack:
        services = [stack.enter_context(grpc_service(f"reviews-{number}")) for number in range(BACKENDS)]
        ports = [port for _, port in services]
        cluster = {**HTTP2, "load_balancing": "round_robin"}
        running: LiveProxy = stack.enter_context(live_proxy(forward_to(*ports, cluster=cluster)))
        caller = stack.enter_context(calling_at(running.port))
        streams = [caller.both("Chat")(paced([b"%d" % number] * 3, 0.05), timeout=PATIENCE) for number in range(100)]
        for number, stream in enumerate(streams):
            assert list(stream) == [b"%d" % number] * 3
        shares = [service.calls for service, _ in services]
        assert sum(shares) == 100
        assert min(shares) >= 30
        served = Counter(
            [dict(caller.unary("Get").with_call(b"x", timeout=PATIENCE)[1].trailing_metadata())["x-served-by"] for _ in range(9)]
        )
        assert served == {f"reviews-{number}": 3 for number in range(BACKENDS)}
        # Many calls share a connection on that side too.
        assert all(len(service.peers) <= 2 for service, _ in services)


def test_what_the_proxy_answers_itself_is_a_status_with_the_reason() -> None:
    snapshot = forward_to(1, cluster=HTTP2)
    routes = snapshot["route_tables"]["all"]["virtual_hosts"][0]["routes"]
    routes[0]["matches"] = [{"grpc": {"service": "books.v1.Reviews"}}]
    with live_proxy(snapshot) as running, calling_at(running.port) as caller:
        error = failure(lambda: caller.unary("Get")(b"x", timeout=PATIENCE))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert error.details().startswith("connect_failed: ")
        error = failure(lambda: caller.unary("Get", "books.v1.Others")(b"x", timeout=PATIENCE))
        assert (error.code(), error.details()[:9]) == (grpc.StatusCode.UNIMPLEMENTED, "no_route:")
