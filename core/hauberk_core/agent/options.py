"""How an agent is to run: what the configuration does not say."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from hauberk_core.agent.state import AgentState, Check


class Companion(Protocol):
    """What an agent does besides, because of where it runs."""

    def checks(self) -> "list[Check]":
        """What its readiness depends on besides."""

    async def run(self, state: "AgentState") -> None:
        """Run beside the agent until cancelled. Raises: BindError."""


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
    companion: Companion | None = None
    """What else is to be done; None: nothing."""
    drain_seconds: float | None = None
    """What exchanges in flight get after SIGTERM; None: as long as the configuration says."""
    linger_seconds: float = 0.0
    """After SIGTERM new connections are taken for so long, while readiness already says no: whoever sends them has to hear it."""
    service_name: str = "hauberk"
    """What spans are from (`service.name`), unless the environment says it."""
