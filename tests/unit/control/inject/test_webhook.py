"""The webhook on a real socket: its certificate, its bounds, and that it serves on whatever is sent."""

import contextlib
import datetime as dt
import json
import random
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import h11
import pytest
import trio
from admission_reviews import SHOP, check_answer, encoded, malformed
from endurance import lasting
from prometheus_client import CollectorRegistry

from hauberk_control.ca.authority import Authority, system_time
from hauberk_control.ca.own_certificate import OwnCertificate
from hauberk_control.inject import https, webhook
from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster
from hauberk_control.inject.review import Reviewer
from hauberk_control.inject.webhook import Webhook
from hauberk_control.proxy_settings import ProxySettings

NAME = "hauberk-control.hauberk-system.svc"
PATIENCE = lasting(3600.0, 60.0)
MOST = 4


class Clock:
    def __init__(self) -> None:
        # What is made now is valid now, and past half of its life.
        self.ahead = dt.timedelta(hours=-13)

    def __call__(self) -> dt.datetime:
        return system_time() + self.ahead


class Live:
    def __init__(self, port: int, authority: Authority, clock: Clock, registry: CollectorRegistry) -> None:
        self.port = port
        self.authority = authority
        self.clock = clock
        self.registry = registry
        self._streams: list[trio.SocketStream] = []

    async def connect_plain(self) -> trio.SocketStream:
        self._streams.append(await trio.open_tcp_stream("127.0.0.1", self.port))
        return self._streams[-1]

    async def connect(self) -> "Client":
        context = ssl.create_default_context(cadata=self.authority.trust_pem().decode())
        context.set_alpn_protocols(["h2", "http/1.1"])
        stream = trio.SSLStream(await self.connect_plain(), context, server_hostname=NAME, https_compatible=True)
        await stream.do_handshake()
        return Client(stream)

    def close(self) -> None:
        for stream in self._streams:
            stream.socket.close()

    def counted(self, outcome: str) -> float:
        return self.registry.get_sample_value(f"sidecar_injection_{outcome}_total") or 0.0


class Client:
    def __init__(self, stream: "trio.SSLStream[trio.SocketStream]") -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT)

    async def post(self, body: bytes, target: str = "/inject?timeout=10s", method: str = "POST") -> tuple[int, bytes]:
        head = h11.Request(method=method, target=target, headers=[("host", NAME), ("content-length", str(len(body)))])
        octets = (self.http.send(head) or b"") + (self.http.send(h11.Data(data=body)) or b"")
        with contextlib.suppress(trio.BrokenResourceError):
            await self.stream.send_all(octets + (self.http.send(h11.EndOfMessage()) or b""))
        status, answer = 0, b""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(bytes(await self.stream.receive_some(65536)))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                answer += event.data
            else:
                assert isinstance(event, h11.EndOfMessage)
                break
        if self.http.our_state is h11.DONE:
            self.http.start_next_cycle()
        return status, answer


async def find(name: str, fresh: bool) -> Namespace | None:
    if name == "slow":
        await trio.sleep_forever()
    if name == "labelled-just-now":
        return SHOP._replace(labels=SHOP.labels if fresh else {})
    return SHOP if name == "shop" else None


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    clock = Clock()
    authority = Authority(tmp_path, "cluster.local", now=clock)
    registry = CollectorRegistry()
    served = Webhook(OwnCertificate(authority, [NAME]), Reviewer(ProxySettings(), Cluster()), find, registry, MOST)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(served.serve, listeners)
            live = Live(port, authority, clock, registry)
            yield live
            live.close()
            nursery.cancel_scope.cancel()


async def test_several_pods_on_one_connection(live: Live) -> None:
    client = await live.connect()
    assert client.stream.selected_alpn_protocol() == "http/1.1"
    for _ in range(3):
        status, answer = await client.post(encoded())
        assert status == 200
        assert json.loads(answer)["response"]["patchType"] == "JSONPatch"
    assert (live.counted("success"), live.counted("requests")) == (3.0, 3.0)


async def test_what_is_no_review_is_a_400_and_the_connection_goes_on(live: Live) -> None:
    client = await live.connect()
    for broken in (b"", b"{}", b"\xff" * 1000, b"[" * 100_000):
        status, answer = await client.post(broken)
        assert status == 400
        assert answer.startswith(b"this is no AdmissionReview")
    status, _ = await client.post(encoded())
    assert status == 200
    assert live.counted("malformed") == 4.0


async def test_other_paths_and_methods(live: Live) -> None:
    client = await live.connect()
    assert (await client.post(b"{}", "/other"))[0] == 404
    assert (await client.post(b"", method="PUT"))[0] == 405


async def test_a_body_beyond_the_bound_is_refused(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LARGEST_BODY", 100_000)
    status, _ = await (await live.connect()).post(b"x" * 150_000)
    assert status == 413


async def test_no_http_and_no_tls_end_their_connection_alone(live: Live) -> None:
    plain = await live.connect_plain()
    await plain.send_all(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(trio.BrokenResourceError):
        while await plain.receive_some(4096):
            pass
    client = await live.connect()
    await client.stream.send_all(b"\x00\x01no http at all\r\n\r\n")
    assert bytes(await client.stream.receive_some(4096)).startswith(b"HTTP/1.1 400")
    assert (await (await live.connect()).post(encoded()))[0] == 200


async def test_who_says_nothing_is_cut_off(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "STEP_SECONDS", 0.05)
    silent = await live.connect_plain()
    with contextlib.suppress(trio.BrokenResourceError):
        assert await silent.receive_some(1) == b""


async def test_a_namespace_that_nobody_knows_or_that_cannot_be_looked_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_NAMESPACE_SECONDS", 0.05)
    client = await live.connect()
    for name in ("nowhere", "slow"):
        status, answer = await client.post(encoded(namespace=name))
        assert status == 200
        assert json.loads(answer)["response"]["status"]["code"] == 503
    assert live.counted("failure") == 2.0


async def test_a_namespace_that_was_labelled_just_now_is_looked_up_again(live: Live) -> None:
    _, answer = await (await live.connect()).post(encoded(namespace="labelled-just-now"))
    assert "patch" in json.loads(answer)["response"]
    assert (live.counted("success"), live.counted("skip")) == (1.0, 0.0)


async def test_its_certificate_follows_the_authority(live: Live) -> None:
    first = (await live.connect()).stream.getpeercert()
    assert first is not None
    assert ("DNS", NAME) in first["subjectAltName"]
    live.clock.ahead = dt.timedelta(0)
    second = (await live.connect()).stream.getpeercert()
    third = (await live.connect()).stream.getpeercert()
    assert second is not None
    assert first["serialNumber"] != second["serialNumber"]
    assert second == third


async def test_connections_are_bounded(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [await live.connect() for _ in range(MOST)]
    async with trio.open_nursery() as nursery:
        late: list[int] = []

        async def ask() -> None:
            late.append((await (await live.connect()).post(encoded()))[0])

        nursery.start_soon(ask)
        assert (await clients[0].post(encoded()))[0] == 200
        assert late == []
        await clients[1].stream.aclose()
    assert late == [200]


@pytest.mark.endure
async def test_it_outlives_malformed_reviews(live: Live) -> None:
    each = int(lasting(100_000, 200)) // MOST
    began = trio.current_time()

    async def ask(seed: int) -> None:
        dice = random.Random(seed)
        client = await live.connect()
        for _ in range(each):
            body = malformed(dice)
            status, answer = await client.post(body)
            assert status in {200, 400}, body
            if status == 200:
                check_answer(answer)

    async with trio.open_nursery() as nursery:
        for seed in range(MOST):
            nursery.start_soon(ask, seed)
    # A namespace that nobody knows is a failure.
    outcomes = ("success", "skip", "refused", "malformed", "failure")
    assert sum(live.counted(outcome) for outcome in outcomes) == live.counted("requests") == each * MOST
    assert all(live.counted(outcome) > 0 for outcome in ("success", "refused", "malformed"))
    seconds = trio.current_time() - began
    sys.stdout.write(f"in {seconds:.0f} s: {', '.join([f'{name} {live.counted(name):.0f}' for name in outcomes])}\n")
