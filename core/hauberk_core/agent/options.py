"""How an agent is to run: what the configuration does not say."""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple


class AgentOptions(NamedTuple):
    """Settings of one agent, fixed for its life."""

    workers: int = 1
    """Worker processes. One for each core is the most that helps."""
    admin: str = "127.0.0.1:15000"
    """Address of metrics, health and configuration dump; port 0: any free one; empty: none. Loopback, because it shows the
    configuration to whoever asks."""
    quick_drain_seconds: float = 1.0
    """What exchanges in flight get after the first Ctrl-C: somebody sits there and waits."""
    worker_command: tuple[str, ...] = (sys.executable, "-P", "-m", "hauberk_core.worker")
    """How to start a worker. `-P` keeps the current folder out of the module path: nobody shall slip a module into the proxy."""
    environ: Mapping[str, str] = os.environ
    """Where the export of spans is read from, by OpenTelemetry's standard names (`agent.export.settings`)."""
    service_name: str = "hauberk"
    """What spans are from (`service.name`), unless the environment says it."""
