"""Clients and servers of grpc-js, with a proxy between them.

Its packages are looked for in `build/grpc-js`, where `npm ci --prefix` puts them; without them these tests are skipped.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc_peers import LARGE, PATIENCE, calling_at, failure, grpc_service
from live_proxy import forward_to, live_proxy
from programs import program

pytestmark = pytest.mark.e2e

HTTP2 = {"protocol": "http2"}


@pytest.fixture(scope="module")
def peer(repository: Path) -> tuple[list[str], dict[str, str]]:
    """How Node runs the peer: words of the command, and environment."""
    modules = repository / "build" / "grpc-js" / "node_modules"
    if not modules.is_dir():
        pytest.skip("grpc-js is not in build/grpc-js: see tests/support/grpc_js")
    script = repository / "tests" / "support" / "grpc_js" / "peer.js"
    return [program("node"), str(script)], os.environ | {"NODE_PATH": str(modules)}


@contextmanager
def served(peer: tuple[list[str], dict[str, str]]) -> Iterator[int]:
    """A service of grpc-js on a port of its own."""
    command, environment = peer
    with subprocess.Popen(
        [*command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def called(peer: tuple[list[str], dict[str, str]], port: int) -> dict[str, Any]:
    """What a caller of grpc-js gets."""
    command, environment = peer
    finished = subprocess.run(
        [*command, "call", str(port)], check=True, capture_output=True, text=True, env=environment, timeout=PATIENCE
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_a_caller_of_grpc_js_and_a_service_of_grpcio_and_one_of_its_own(peer: tuple[list[str], dict[str, str]]) -> None:
    with grpc_service() as (_, grpcio_port), served(peer) as own_port:
        for port in (grpcio_port, own_port):
            with live_proxy(forward_to(port, cluster=HTTP2)) as running:
                found = called(peer, running.port)
            assert found["get"] == {"code": 0, "details": found["get"]["details"], "octets": "00ff80", "answer": "hello"}
            assert (found["large"]["code"], found["large"]["answer"]) == (0, LARGE)
            assert (found["fail"]["code"], found["fail"]["details"]) == (5, "no review of «Ulysses», 100 %")
            assert found["late"]["code"] == 4
            assert found["list"] == {"code": 0, "answers": ["0", "1", "2", "3", "4"]}
            assert found["chat"] == {"code": 0, "answers": ["A", "B"]}
            assert found["sum"] == {"code": 0, "answer": "42"}


def test_a_caller_of_grpcio_and_a_service_of_grpc_js(peer: tuple[list[str], dict[str, str]]) -> None:
    with served(peer) as port, live_proxy(forward_to(port, cluster=HTTP2)) as running, calling_at(running.port) as caller:
        answer, call = caller.unary("Get").with_call(bytes(LARGE), timeout=PATIENCE)
        assert len(answer) == LARGE
        assert dict(call.trailing_metadata())["x-octets-bin"] == b"\x00\xff\x80"
        assert failure(lambda: caller.unary("Fail")(b"x", timeout=PATIENCE)).code().value[0] == 5
        assert list(caller.stream_out("List")(b"3", timeout=PATIENCE)) == [b"0", b"1", b"2"]
        assert caller.stream_in("Sum")(iter([b"1", b"2"]), timeout=PATIENCE) == b"3"
        assert list(caller.both("Chat")(iter([b"a", b"b"]), timeout=PATIENCE)) == [b"A", b"B"]
