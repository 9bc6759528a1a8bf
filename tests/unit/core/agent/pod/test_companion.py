"""Probes, metrics and readiness of a pod, asked for as the kubelet and Prometheus do."""

from collections.abc import Awaitable, Callable
from concurrent import futures
from typing import Final, NamedTuple

import grpc
import h11
import msgspec
import pytest
import trio

from hauberk_core.agent.bootstrap import Bootstrap
from hauberk_core.agent.counters import Counters
from hauberk_core.agent.pod.companion import PodCompanion
from hauberk_core.agent.pod.environment import PodEnvironment, Scrape
from hauberk_core.agent.pod.probes import ProbeError, read_probes
from hauberk_core.agent.state import AgentState
from hauberk_core.agent.supervisor import Supervisor

PATIENCE: Final = 60.0
TEAM: Final = [{"name": "X-Team", "value": "a"}]
Answer = Callable[[h11.Request], tuple[int, list[tuple[str, str]], bytes]]


class Application:
    """A server of HTTP/1.1 that answers as a test says, and remembers what it was asked."""

    def __init__(self, listener: trio.SocketListener, answer: Answer) -> None:
        self.port: Final[int] = listener.socket.getsockname()[1]
        self.requests: Final[list[h11.Request]] = []
        self.peers: Final[list[str]] = []
        self._answer: Final = answer

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        self.peers.append(stream.socket.getpeername()[0])
        connection = h11.Connection(h11.SERVER)
        async with stream:
            while not isinstance(event := connection.next_event(), h11.Request):
                if event is not h11.NEED_DATA:
                    return
                connection.receive_data(bytes(await stream.receive_some(4096)))
            self.requests.append(event)
            status, headers, body = self._answer(event)
            response = h11.Response(status_code=status, headers=[*headers, ("content-length", str(len(body)))])
            octets = (connection.send(response) or b"") + (connection.send(h11.Data(data=body)) or b"")
            await stream.send_all(octets + (connection.send(h11.EndOfMessage()) or b""))


Serve = Callable[[Answer], Awaitable[Application]]


@pytest.fixture
def serve(nursery: trio.Nursery) -> Serve:
    """Starts applications."""

    async def start(answer: Answer) -> Application:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        application = Application(listener, answer)
        nursery.start_soon(trio.serve_listeners, application.serve, [listener])
        return application

    return start


class Asked(NamedTuple):
    status: int
    body: str


class Pod:
    """A companion at work."""

    def __init__(self, probes: dict[str, object], scrape: Scrape | None = None) -> None:
        bootstrap = Bootstrap(
            control="c:1", join="c:2", root="", identity="", role="sidecar", name="web", node=msgspec.Raw(b"{}"), state=""
        )
        environment = PodEnvironment(
            bootstrap, ("127.0.0.1",), False, read_probes(msgspec.json.encode(probes).decode()), scrape, None
        )
        counters = Counters()
        self.state: Final = AgentState(counters, Supervisor(("true",), 1, counters, -1, lambda spans: None))
        self.companion: Final = PodCompanion(environment, 0, 0)
        self.ports = (0, 0)

    async def get(self, path: str, *, ready: bool = False, user_agent: str = "kube-probe/1.34") -> Asked:
        """Ask as the kubelet does: by the pod's address, whatever the name."""
        with trio.fail_after(PATIENCE):
            async with await trio.open_tcp_stream("127.0.0.1", self.ports[1 if ready else 0]) as stream:
                await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: 10.244.0.9\r\nUser-Agent: {user_agent}\r\n\r\n".encode())
                octets = b"".join([bytes(part) async for part in stream])
        head, _, body = octets.partition(b"\r\n\r\n")
        return Asked(int(head.split()[1]), body.decode())


Begin = Callable[..., Awaitable[Pod]]


@pytest.fixture
def begin(nursery: trio.Nursery) -> Begin:
    async def make(probes: dict[str, object], scrape: Scrape | None = None) -> Pod:
        pod = Pod(probes, scrape)
        pod.ports = await nursery.start(pod.companion.run, pod.state)
        return pod

    return make


def get(port: int, path: str = "/ok", **more: object) -> dict[str, object]:
    return {"httpGet": {"port": port, "path": path, **more}, "timeoutSeconds": 30}


@pytest.mark.parametrize(("status", "told"), [(200, 200), (204, 200), (404, 404), (500, 500), (503, 503)])
async def test_the_answer_of_the_application_is_passed_on(serve: Serve, begin: Begin, status: int, told: int) -> None:
    application = await serve(lambda request: (status, [], b""))
    pod = await begin({"/app-health/main/livez": get(application.port, "ok?deep=1", httpHeaders=TEAM)})
    assert (await pod.get("/app-health/main/livez")).status == told
    [request] = application.requests
    assert request.target == b"/ok?deep=1"
    fields = dict(request.headers)
    assert fields[b"x-team"] == b"a"
    assert fields[b"user-agent"] == b"kube-probe/1.34"
    assert fields[b"host"] == f"127.0.0.1:{application.port}".encode()
    # Past the rules of capture.
    assert application.peers == ["127.0.0.6"]
    assert (await pod.get("/app-health/main/readyz")).status == 404


async def test_redirections_are_followed_within_the_application(serve: Serve, begin: Begin) -> None:
    def answer(request: h11.Request) -> tuple[int, list[tuple[str, str]], bytes]:
        match request.target:
            case b"/old":
                return 302, [("location", "/new")], b""
            case b"/away":
                return 302, [("location", "http://other.test/")], b""
            case b"/round":
                return 302, [("location", "/round")], b""
            case _:
                return 500, [], b""

    application = await serve(answer)
    pod = await begin({f"/app-health/{name}/livez": get(application.port, f"/{name}") for name in ("old", "away", "round")})
    assert (await pod.get("/app-health/old/livez")).status == 500
    assert (await pod.get("/app-health/away/livez")).status == 200
    assert (await pod.get("/app-health/round/livez")).status == 503


async def test_nobody_there_is_told_as_such(begin: Begin) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    slow = {"httpGet": {"port": port}, "timeoutSeconds": 0.05}
    pod = await begin({"/open": {"tcpSocket": {"port": port}, "timeoutSeconds": 30}, "/slow": slow})
    assert (await pod.get("/open")).status == 200
    assert "within 0.05 s" in (await pod.get("/slow")).body
    await listener.aclose()
    closed = await pod.get("/open")
    assert closed.status == 503
    assert "does not answer" in closed.body


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (b"\x08\x01", 200, "SERVING"),
        (b"\x08\x02", 503, "NOT_SERVING"),
        (b"", 503, "UNKNOWN"),
        (b"\xff", 503, "no answer to a health check"),
        (None, 503, "status"),
    ],
)
async def test_health_over_grpc(begin: Begin, answer: bytes | None, status: int, told: str) -> None:
    asked: list[bytes] = []

    def check(request: bytes, context: grpc.ServicerContext) -> bytes:
        asked.append(request)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return answer or b""

    handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)})
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        pod = await begin({"/grpc": {"grpc": {"port": port, "service": "books"}, "timeoutSeconds": 30}})
        found = await pod.get("/grpc")
    finally:
        server.stop(None).wait()
    assert (found.status, asked) == (status, [b"\x0a\x05books"])
    assert told in found.body


async def test_the_applications_metrics_stand_behind_the_proxys(serve: Serve, begin: Begin) -> None:
    application = await serve(lambda request: (200, [], b"books_sold_total 7"))
    pod = await begin({}, Scrape(application.port, "/metrics?all"))
    found = await pod.get("/stats/prometheus")
    assert found.status == 200
    assert "# TYPE istio_requests_total counter\n" in found.body
    assert found.body.endswith("\nbooks_sold_total 7\n")
    assert application.requests[0].target == b"/metrics?all"


async def test_metrics_that_are_not_there_are_left_out(serve: Serve, begin: Begin) -> None:
    application = await serve(lambda request: (500, [], b"oops 1"))
    pod = await begin({}, Scrape(application.port, "/metrics"))
    found = await pod.get("/stats/prometheus")
    assert found.status == 200
    assert "oops" not in found.body
    assert pod.companion.missed_scrapes == 1


async def test_readiness_has_a_port_of_its_own(begin: Begin) -> None:
    pod = await begin({})
    found = await pod.get("/healthz/ready", ready=True)
    assert found.status == 503
    assert "configuration: none yet" in found.body
    # It shows nothing else, and no configuration is shown on either: both are for the whole network.
    for path in ("/config_dump", "/clusters", "/certs"):
        assert (await pod.get(path)).status == 404
        assert (await pod.get(path, ready=True)).status == 404


@pytest.mark.parametrize(
    "text", ["[]", '{"/a": {}}', '{"/a": {"httpGet": {"port": 1}, "tcpSocket": {"port": 1}}}', '{"/a": {"grpc": {}}}']
)
def test_probes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ProbeError):
        read_probes(text)
