"""A whole run: contestants started, checked, measured in turns, and stopped."""

import dataclasses
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench import figures, machine
from bench.backend import Backend
from bench.contestants.contestant import Contestant
from bench.contestants.hauberk import Hauberk
from bench.figures import Results, Round
from bench.filters import measure_filters
from bench.measure import Cores, Entrant, check_work, measure_load, measure_memory
from bench.process import BenchError, Launch, Processes, free_ports
from bench.scenarios import INSPECTIONS, LOADS, MEMORY, SIDECAR, Scenario
from bench.sidecar import measure_sidecar
from bench.site import Listener, Place

_WARM_UP_SECONDS = 1.0
_PERF_SECONDS = 4
# Where a contestant listens whose memory is looked at.
_AT_REST: tuple[Listener, ...] = ("http", "tls", "originate")
# Memory at rest hardly differs from one start to the next, and a mesh takes half a minute to start and to settle.
_MOST_SIDECARS = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to run."""

    scenarios: list[str]
    rounds: int
    seconds: float
    cores: Cores
    profiled: list[str]
    """Contestants of which `perf` takes a profile in each scenario."""
    profiles: Path
    """Folder for these."""


class Runner:
    """Carries out a plan and collects results."""

    def __init__(
        self, plan: Plan, contestants: list[Contestant], folder: Path, results: Results, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._contestants = contestants
        self._folder = folder
        self._results = results
        self._say = say
        self._told: set[str] = set()

    def run(self) -> None:
        """Measure every scenario of the plan; on an interrupt, what has been measured stays in the results."""
        with Processes() as processes:
            (self._folder / "site").mkdir()
            backend = Backend(processes, self._folder / "site", self._plan.cores.load)
            for scenario in LOADS:
                if scenario.name in self._plan.scenarios:
                    self._say(f"{scenario.name}: {scenario.title}")
                    self._run_load(scenario, backend)
            for inspection in INSPECTIONS:
                if inspection.name in self._plan.scenarios:
                    self._say(f"{inspection.name}: {inspection.title}")
                    self._inspect(inspection.name, backend)
            batches = backend.span_batches()
        self._results.notes.append(f"The collector took {batches} batches of spans.")

    def _enter(
        self,
        processes: Processes,
        contestant: Contestant,
        backend: Backend,
        scenario: str,
        listeners: tuple[Listener, ...],
        has_plugins: bool,
    ) -> Entrant | None:
        """Start and check one contestant; None, with the reason in the results, if it cannot take part.

        Args: listeners - the first of them is the one that is to be loaded.
        """
        needed = listeners[0]
        if needed not in contestant.listeners:
            self._skip(f"{contestant.name} in {scenario}", "it has no such listener")
            return None
        folder = self._folder / f"{scenario}-{contestant.name}"
        folder.mkdir()
        *listening, spare = free_ports(len(listeners) + 1)
        place = Place(backend.site, folder, dict(zip(listeners, listening, strict=True)), spare, has_plugins)
        process = processes.start(contestant.name, contestant.prepare(place), self._plan.cores.proxy)
        entrant = Entrant(contestant, place, process)
        try:
            for listener in contestant.listeners.intersection(listeners):
                process.wait_port(place.ports[listener])
            checked: Listener = needed if needed in {"originate", "mesh"} else "http"
            if checked in contestant.listeners:
                for shortcoming in check_work(entrant, checked):
                    self._note(f"{contestant.name} {shortcoming}.")
        except (BenchError, OSError) as error:
            self._skip(f"{contestant.name} in {scenario}", str(error))
            process.stop()
            return None
        doubt = contestant.doubt(process.family())
        if doubt is not None:
            self._skip(f"{contestant.name} in {scenario}", doubt)
            process.stop()
            return None
        return entrant

    def _run_load(self, scenario: Scenario, backend: Backend) -> None:
        plan = self._plan
        with Processes() as processes:
            entrants: list[Entrant] = []
            for contestant in self._contestants:
                entrant = self._enter(processes, contestant, backend, scenario.name, scenario.listeners, scenario.has_plugins)
                if entrant is not None:
                    entrants.append(entrant)
            for entrant in list(entrants):
                try:
                    measure_load(scenario, entrant, backend, plan.cores, _WARM_UP_SECONDS, -1)
                except BenchError as error:
                    self._skip(f"{entrant.contestant.name} in {scenario.name}", str(error))
                    entrants.remove(entrant)
            for number in range(plan.rounds):
                # Nobody always goes first, or always after the same neighbour's heat.
                turn = number % max(1, len(entrants))
                for entrant in entrants[turn:] + entrants[:turn]:
                    round_ = measure_load(scenario, entrant, backend, plan.cores, plan.seconds, number)
                    self._results.rounds.append(round_)
                    self._say(_progress(scenario, round_, plan.rounds))
            for entrant in entrants:
                if entrant.contestant.name in plan.profiled:
                    self._profile(scenario, entrant, backend)
        for entrant in entrants:
            shutil.rmtree(entrant.place.folder, ignore_errors=True)

    def _inspect(self, name: str, backend: Backend) -> None:
        """Look at each contestant alone; at ours, where it is about what only we have, so many times as there are rounds."""
        inspection = next(known for known in INSPECTIONS if known.name == name)
        for number in range({MEMORY: 1, SIDECAR: min(_MOST_SIDECARS, self._plan.rounds)}.get(name, self._plan.rounds)):
            for contestant in self._contestants:
                try:
                    round_ = self._look(name, contestant, backend, number)
                except (BenchError, OSError) as error:
                    self._skip(f"{contestant.name} in {name}", str(error))
                    continue
                if round_ is not None:
                    self._results.rounds.append(round_)
                    shown = [
                        f"{measure.title} {round_.values[measure.key]:.{measure.digits}f} {measure.unit}"
                        for measure in inspection.shown
                    ]
                    self._say(f"  {contestant.name:20} {', '.join(shown)}")

    def _look(self, name: str, contestant: Contestant, backend: Backend, number: int) -> Round | None:
        """One look; None if it is not for this contestant. Raises: BenchError, OSError."""
        core = self._plan.cores.proxy
        if name == MEMORY:
            with Processes() as processes:
                entrant = self._enter(processes, contestant, backend, MEMORY, _AT_REST, False)
                return None if entrant is None else measure_memory(entrant)
        if not isinstance(contestant, Hauberk):
            return None
        folder = self._folder / f"{name}-{contestant.name}-{number}"
        folder.mkdir()
        if name == SIDECAR:
            return measure_sidecar(contestant, folder, number, core)
        return measure_filters(contestant, folder, number, core, self._plan.seconds)

    def _profile(self, scenario: Scenario, entrant: Entrant, backend: Backend) -> None:
        """Take a profile of one contestant under load, outside the measured rounds."""
        name = f"perf-{scenario.name}-{entrant.contestant.name}"
        data = self._folder / f"{name}.data"
        pids = ",".join(str(pid) for pid in entrant.process.family())
        record = ["perf", "record", "--quiet", "-F", "999", "-g", "-p", pids, "-o", str(data), "--", "sleep", str(_PERF_SECONDS)]
        with Processes() as profilers:
            recorder = profilers.start("perf", Launch(record, self._folder, self._folder / f"{name}.log"), self._plan.cores.load)
            measure_load(scenario, entrant, backend, self._plan.cores, _PERF_SECONDS, -1)
            try:
                recorder.wait(30.0)
            except BenchError as error:
                self._note(f"No profile of {entrant.contestant.name}: {error}")
                return
        report = ["perf", "report", "--stdio", "--no-children", "--percent-limit", "0.5", "-g", "none", "-i", str(data)]
        done = subprocess.run(report, capture_output=True, text=True, check=False)
        self._plan.profiles.mkdir(parents=True, exist_ok=True)
        file = self._plan.profiles / f"{self._results.started[:10]}-{name}.txt"
        file.write_text("\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n")
        self._say(f"  profile of {entrant.contestant.name}: {file}")

    def _skip(self, who: str, why: str) -> None:
        lines = [line.strip() for line in why.splitlines() if line.strip()]
        reason = lines[0] if len(lines) < 2 else f"{lines[0]} {lines[-1]}"
        self._results.skipped[who] = reason
        self._say(f"  SKIPPED {who}: {reason}")

    def _note(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._results.notes.append(text)
            self._say(f"  NOTE {text}")


def _progress(scenario: Scenario, round_: Round, rounds: int) -> str:
    values = round_.values
    compared = values[scenario.compared.key]
    line = (
        f"  {round_.number + 1}/{rounds} {round_.contestant:20} {values[figures.RATE.key]:9,.0f}/s  "
        f"{compared:8.{scenario.compared.digits}f} {scenario.compared.unit}  "
        f"p50 {values[figures.P50.key]:6.2f} ms  p99 {values[figures.P99.key]:7.2f} ms  busy {values[figures.BUSY.key]:3.0f} %"
    )
    if values[figures.ERRORS]:
        line += f"  {values[figures.ERRORS]:.0f} ERRORS"
    if round_.noisy:
        line += f"  noisy: others {values[figures.FOREIGN]:.0%}, stolen {values[figures.STOLEN]:.0%}"
    return line


def collect(
    plan: Plan, contestants: list[Contestant], folder: Path, facts: dict[str, str], say: Callable[[str], None]
) -> Results:
    """Leave out who is absent, say who takes part, run, and return the results (also of an interrupted run)."""
    results = Results(time.strftime("%Y-%m-%dT%H:%M:%S%z"), {**machine.facts(), **facts}, {})
    present: list[Contestant] = []
    for contestant in contestants:
        absence = contestant.absence()
        if absence is not None:
            results.skipped[contestant.name] = absence
            say(f"SKIPPED {contestant.name}: {absence}")
            continue
        results.versions[contestant.name] = contestant.version()
        say(f"{contestant.name}: {results.versions[contestant.name]}")
        present.append(contestant)
    try:
        Runner(plan, present, folder, results, say).run()
    except KeyboardInterrupt:
        results.interrupted = True
        say("interrupted; this is what there is:")
    return results
