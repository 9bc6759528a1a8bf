import pytest
import trio
import trio.testing

from hauberk_bookshop.calling import Reply, Service
from hauberk_bookshop.serving import Server
from hauberk_bookshop.web import Request, Response
from hauberk_cli.demo.traffic import Load, SteadyTraffic, Tally


def _reply(version: str, status: int = 200) -> Reply:
    return Reply(status, (("reviews-version", version),), b"")


def test_a_tally_counts_answers_by_version_and_the_rest_as_errors() -> None:
    tally = Tally()
    for version in ("v1", "v1", "v1", "v3"):
        tally.note(_reply(version), 0.010)
    tally.note(_reply("v2", status=503), 0.5)
    tally.note(Reply(200, (), b""), 0.010)
    tally.note(None, 2.0, "broken off")
    assert (tally.requests, tally.errors, tally.last_error) == (7, 3, "broken off")
    assert [tally.share(version) for version in ("v1", "v2", "v3")] == [0.75, 0.0, 0.25]
    assert (tally.quantile(0.5), tally.quantile(0.99)) == (0.010, 2.0)


def test_an_empty_tally_has_figures_too() -> None:
    tally = Tally()
    assert (tally.share("v1"), tally.quantile(0.5)) == (0.0, 0.0)


async def _serve(nursery: trio.Nursery, stop: trio.Event) -> int:
    async def handle(request: Request) -> Response:
        return Response(500 if request.path == "/broken" else 200, headers=(("reviews-version", "v2"),))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(Server(handle).run, listeners, stop)
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def _sent(load: Load, count: int) -> None:
    with trio.fail_after(60):
        await load.wait_samples(count)


@pytest.mark.parametrize(("path", "failed"), [("/", False), ("/broken", True)])
async def test_a_load_remembers_every_request(nursery: trio.Nursery, path: str, failed: bool) -> None:
    services = tuple([Service("127.0.0.1", await _serve(nursery, trio.Event())) for _ in range(2)])
    load = Load(services, path, pause=0.001)
    async with trio.open_nursery() as clients:
        clients.start_soon(load.run)
        await _sent(load, 20)
        clients.cancel_scope.cancel()
    assert {sample.client for sample in load.samples} == {0, 1}
    assert len(load.failed()) == (len(load.samples) if failed else 0)
    assert load.failed(since=trio.current_time()) == []
    for service in services:
        await service.aclose()


async def test_requests_to_a_server_that_went_are_failures(nursery: trio.Nursery) -> None:
    stop = trio.Event()
    service = Service("127.0.0.1", await _serve(nursery, stop))
    load = Load((service,), "/", pause=0.001)
    async with trio.open_nursery() as clients:
        clients.start_soon(load.run)
        await _sent(load, 5)
        assert not load.failed()
        stop.set()
        await _sent(load, 10)
        clients.cancel_scope.cancel()
    assert "cannot be reached" in load.failed()[-1].error


async def test_steady_traffic_goes_to_every_service_and_path(nursery: trio.Nursery) -> None:
    asked: set[tuple[str, str]] = set()
    every_pair = trio.Event()

    async def handle(request: Request) -> Response:
        asked.add((request.header("host"), request.path))
        if len(asked) == 4:
            every_pair.set()
        return Response(200, headers=(("reviews-version", "v1"),))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(Server(handle).run, listeners, trio.Event())
    port = listeners[0].socket.getsockname()[1]
    services = (Service("127.0.0.1", port, "a"), Service("127.0.0.1", port, "b"))
    traffic = SteadyTraffic(services, rate=200)
    async with trio.open_nursery() as sending:
        sending.start_soon(traffic.run)
        with trio.fail_after(60):
            await every_pair.wait()
            # They have come in; that they are answered takes another moment.
            answered = 0
            while answered < 4:
                tally = traffic.take()
                assert tally.errors == 0
                answered += tally.requests
                await trio.sleep(0.005)
        sending.cancel_scope.cancel()
    assert traffic.take().errors == 0
    assert traffic.take().requests == 0
    for service in services:
        await service.aclose()
