"""What is measured, and what a run of the bench yields."""

import dataclasses
import math
from typing import Final

from bench.statistics import median


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measured quantity: the key in raw rounds, its title and unit for people, and digits worth printing."""

    key: str
    title: str
    unit: str
    digits: int


RATE: Final = Measure("rate", "requests/s", "/s", 0)
CPU: Final = Measure("cpu_us", "CPU a request", "µs", 1)
CPU_PER_GIB: Final = Measure("cpu_s_per_gib", "CPU a GiB", "s", 3)
P50: Final = Measure("p50_ms", "p50", "ms", 2)
P99: Final = Measure("p99_ms", "p99", "ms", 2)
PSS_LOADED: Final = Measure("pss_loaded_mib", "PSS under load", "MiB", 1)
BUSY: Final = Measure("busy", "busy", "%", 0)
WORKER_PSS: Final = Measure("worker_pss_mib", "PSS of the worker", "MiB", 1)
WORKER_RSS: Final = Measure("worker_rss_mib", "RSS of the worker", "MiB", 1)
TOTAL_PSS: Final = Measure("total_pss_mib", "PSS of all processes", "MiB", 1)
TOTAL_RSS: Final = Measure("total_rss_mib", "RSS of all processes", "MiB", 1)
AGENT_PSS: Final = Measure("agent_pss_mib", "PSS of the agent", "MiB", 1)
IDLE_CONNECTION: Final = Measure("idle_connection_kib", "an idle connection", "KiB", 2)

WITHOUT_FILTERS: Final = Measure("without_filters_us", "without plugins", "µs", 2)
FIRST_FILTER: Final = Measure("first_filter_us", "the first sync filter", "µs", 2)
FURTHER_FILTER: Final = Measure("further_filter_us", "one more sync filter", "µs", 2)
TRACING: Final = Measure("tracing_us", "tracing, 1 % sampled", "µs", 2)
DEFAULT_PLUGINS: Final = Measure("default_plugins_us", "all default plugins", "µs", 2)

# Kept in the raw rounds, and shown only when they matter.
ERRORS: Final = "errors"
FOREIGN: Final = "foreign"
STOLEN: Final = "stolen"
LATE: Final = "late_p99_ms"
LOG_BYTES: Final = "log_bytes_a_request"

# A round is called noisy when other processes, or the hypervisor, took more than this share of our two cores.
NOISE_SHARE: Final = 0.05


@dataclasses.dataclass(frozen=True)
class Round:
    """One measurement of one contestant in one scenario: figures by the key of their measure."""

    scenario: str
    contestant: str
    number: int
    values: dict[str, float]

    @property
    def noisy(self) -> bool:
        """Whether something else used the cores meanwhile."""
        return self.values.get(FOREIGN, 0.0) + self.values.get(STOLEN, 0.0) > NOISE_SHARE


@dataclasses.dataclass
class Results:
    """A whole run."""

    started: str
    """Local time, ISO 8601."""
    facts: dict[str, str]
    versions: dict[str, str]
    """By contestant."""
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    """Contestants (or `contestant in scenario`) that were not measured, and why."""
    notes: list[str] = dataclasses.field(default_factory=list)
    interrupted: bool = False
    """Whether the run was ended early; such results are shown and not kept."""
    rounds: list[Round] = dataclasses.field(default_factory=list)

    def contestants(self, scenario: str) -> list[str]:
        """Who was measured in `scenario`, in the order of the run."""
        measured = {round_.contestant for round_ in self.rounds if round_.scenario == scenario}
        return [name for name in self.versions if name in measured]

    def values(self, scenario: str, contestant: str, key: str) -> list[float]:
        """One figure of every round, without those that it could not be measured in."""
        return [
            value
            for round_ in self.rounds
            if round_.scenario == scenario and round_.contestant == contestant
            if not math.isnan(value := round_.values.get(key, math.nan))
        ]

    def median(self, scenario: str, contestant: str, key: str) -> float:
        """Median over the rounds; NaN if it was not measured."""
        return median(self.values(scenario, contestant, key))

    def noisy_rounds(self, scenario: str) -> tuple[int, int]:
        """How many rounds of a scenario were noisy, and how many there were."""
        rounds = [round_ for round_ in self.rounds if round_.scenario == scenario]
        return sum(round_.noisy for round_ in rounds), len(rounds)
