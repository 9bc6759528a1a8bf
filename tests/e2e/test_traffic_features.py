"""The plugins that shape traffic, in a real proxy of several workers, on the road to a real server."""

import http.client
import json
import socket
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from live_proxy import PATIENCE, LiveProxy, forward_to, live_proxy
from origin import Origin, made, origin

pytestmark = pytest.mark.e2e

ALL: Final = {"value": 100}
ALLOWED: Final = 7


def route(name: str, *plugins: dict[str, Any], to: str | None = "/") -> dict[str, Any]:
    """What begins with the route's name. Args: to - the path that the origin is asked for; None: what comes behind the name."""
    rewrite = {"prefix": "/"} if to is None else {"path": to}
    return {
        "name": name,
        "matches": [{"path": {"value": f"/{name}"}}],
        "backends": [{"cluster": "backend"}],
        "rewrite": rewrite,
        "plugins": list(plugins),
    }


def use(plugin: str, **config: object) -> dict[str, Any]:
    return {"plugin": plugin, "config": config}


ROUTES: Final = [
    route("aborted", use("fault", abort={"httpStatus": 418, "percentage": ALL})),
    route("delayed", use("fault", delay={"fixedDelay": "50ms", "percentage": ALL})),
    route("closed", use("directresponse", status=503, body={"string": "closed"})),
    route("small", use("limits", maxBodyBytes=1000), to="/upload"),
    route("whole", use("buffering", request={"maxBytes": 100_000}, response={"maxBytes": 100_000}), to=None),
    route("zipped", use("compression", types=["text/*", "application/octet-stream"]), to=None),
    route("limited", use("ratelimit", limits=[{"requests": ALLOWED, "per": "24h", "by": [{"header": "x-user"}]}])),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Origin]:
    with origin() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Origin) -> Iterator[LiveProxy]:
    snapshot = forward_to(server.port)
    snapshot["route_tables"]["all"]["virtual_hosts"][0]["routes"] = ROUTES
    with live_proxy(snapshot, workers=2) as running:
        yield running


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status: Final = response.status
        self.headers: Final = response.headers
        self.body: Final = response.read()


def ask(proxy: LiveProxy, path: str, body: Any = None, headers: dict[str, str] | None = None, *, chunked: bool = False) -> Answer:
    """One request on a connection of its own, so that either worker may get it."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers or {}, encode_chunked=chunked)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def test_faults(proxy: LiveProxy) -> None:
    answer = ask(proxy, "/aborted")
    assert (answer.status, answer.headers["hauberk-reason"]) == (418, "fault_injected")
    assert ask(proxy, "/delayed").body == b"origin"


def test_a_direct_response(proxy: LiveProxy) -> None:
    answer = ask(proxy, "/closed")
    assert (answer.status, answer.body, answer.headers["hauberk-reason"]) == (503, b"closed", "direct_response")


def test_sizes(proxy: LiveProxy) -> None:
    assert ask(proxy, "/small", made(1000)).body.endswith(b" 1000 counted")
    assert ask(proxy, "/small", iter([made(600), made(400)]), chunked=True).body.endswith(b" 1000 chunked")
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
        client.sendall(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
        client.sendall(b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + made(1001) + b"\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_whole_bodies(proxy: LiveProxy) -> None:
    # Nobody says how long it is, and the origin gets a length.
    assert ask(proxy, "/whole/upload", iter([made(40_000)] * 2), chunked=True).body.endswith(b" 80000 counted")
    answer = ask(proxy, "/whole/until-close?n=50000")
    assert (answer.headers["content-length"], answer.body) == ("50000", made(50_000))
    # What has trailers keeps a framing that can carry them, and what is too long is passed on.
    assert ask(proxy, "/whole/chunked?n=50000").body == made(50_000)
    answer = ask(proxy, "/whole/chunked?n=300000")
    assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", made(300_000))
    assert ask(proxy, "/whole/upload", made(100_001)).status == 413


def test_all_workers_count_together(proxy: LiveProxy) -> None:
    users = ["ann", "bob", "eve"]
    with ThreadPoolExecutor(8) as pool:
        asked = [
            (user, pool.submit(ask, proxy, "/limited", None, {"x-user": user})) for user in users for _ in range(4 * ALLOWED)
        ]
        answers = [(user, answer.result()) for user, answer in asked]
    passed = Counter([user for user, answer in answers if answer.status == 200])
    assert passed == dict.fromkeys(users, ALLOWED)
    refused = [answer for _, answer in answers if answer.status == 429]
    assert len(refused) == len(answers) - ALLOWED * len(users)
    for answer in refused:
        assert answer.headers["ratelimit-policy"] == f'"default";q={ALLOWED};w=86400'
        assert int(answer.headers["retry-after"]) > 1000
    told = [answer.headers["ratelimit"].split(";")[1] for user, answer in answers if answer.status == 200 and user == "ann"]
    assert sorted(told) == [f"r={number}" for number in range(ALLOWED)]


def test_server_sent_events_are_compressed_one_by_one(proxy: LiveProxy, server: Origin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
    connection.request("GET", "/zipped/events?n=3", headers={"accept-encoding": "gzip"})
    response = connection.getresponse()
    assert response.headers["content-encoding"] == "gzip"
    unpack = zlib.decompressobj(wbits=31)
    for number in range(3):
        # The next is sent only when this one has been seen.
        server.go_on.release()
        text = b""
        while not text.endswith(b"\n\n"):
            text += unpack.decompress(response.read1(65536))
        assert text == f"data: {number}\n\n".encode()
    assert unpack.decompress(response.read()) == b""
    assert unpack.eof
    connection.close()


def test_the_configuration_says_what_is_wrong(proxy: LiveProxy) -> None:
    """Bad configuration of a plugin disturbs nothing."""
    before = proxy.config.read_text()
    broken = json.loads(before)
    broken["route_tables"]["all"]["virtual_hosts"][0]["routes"][-1]["plugins"][0]["config"]["limits"][0]["per"] = "0s"
    proxy.configure(broken)
    proxy.wait_logged("limits[0].per is 0s; write at least 1ms and at most 24h")
    assert ask(proxy, "/closed").status == 503
    proxy.configure(json.loads(before))
