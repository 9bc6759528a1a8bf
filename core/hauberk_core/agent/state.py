"""What an agent knows of itself, for those who ask: readiness, the configuration in force, the last one refused."""

from collections.abc import Callable
from typing import Final, NamedTuple

from hauberk_core.agent.counters import Counters
from hauberk_core.agent.supervisor import Supervisor
from hauberk_core.agent.target import Target
from hauberk_core.model.address import Address


class Check(NamedTuple):
    """One of the things that readiness is made of."""

    name: str
    passed: bool
    detail: str


class AgentState:
    """Read by the admin server, written by the agent."""

    def __init__(
        self, counters: Counters, supervisor: Supervisor, source_checks: Callable[[], list[Check]] = list, name: str = ""
    ) -> None:
        """Begin with nothing.

        Args: source_checks - tells how the source of the configuration stands; name - what the proxy is called.
        """
        self.name: Final = name
        self.counters: Final = counters
        self.supervisor: Final = supervisor
        self.target: Target | None = None
        """The configuration in force."""
        self.addresses: dict[str, Address] = {}
        """Where each listener listens, by name."""
        self.refusals: dict[str, str] = {}
        """Why the latest configuration, or the latest certificates, are not in force; empty if they are."""
        self.draining = False
        self._source_checks: Final = source_checks

    def checks(self) -> list[Check]:
        """Whether the proxy serves. A refused configuration is told and does not count: the one before serves on."""
        places = self.supervisor.status()
        ready = sum(place.pid > 0 for place in places)
        target = self.target
        configuration = "none yet" if target is None else f"number {target.number}, version {target.snapshot.version!r}"
        for what, reason in self.refusals.items():
            configuration += f"; later {what} refused: {reason}"
        return [
            Check("configuration", target is not None, configuration),
            Check("workers", ready > 0, f"{ready} of {len(places)} ready"),
            Check("serving", not self.draining, "draining" if self.draining else "accepting"),
            *self._source_checks(),
        ]

    def ready(self) -> bool:
        """Whether new connections are served."""
        return all(check.passed for check in self.checks())
