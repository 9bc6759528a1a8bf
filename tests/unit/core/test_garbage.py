import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hauberk_core.garbage import YOUNG, settle


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_stands_is_looked_at_no_more() -> None:
    gc.unfreeze()
    settle()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] == YOUNG
    assert gc.isenabled()


def test_cycles_made_later_are_still_found() -> None:
    settle()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1


# A proxy that ends as soon as it serves, and says what it takes for permanent then.
_AGENT = """
import gc, os, signal
from hauberk_core.agent.agent import Agent, run_agent
from hauberk_core.agent.options import AgentOptions
from hauberk_core.agent.source import StaticSource
from hauberk_core.model import Snapshot

def started(agent: Agent) -> None:
    print(gc.get_freeze_count(), gc.get_threshold()[0], flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

raise SystemExit(run_agent(StaticSource(Snapshot()), AgentOptions(admin=""), started))
"""


def test_an_agent_settles_as_soon_as_it_serves() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", _AGENT], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    frozen, young = done.stdout.split()
    assert int(frozen) > 10_000
    assert int(young) == YOUNG
