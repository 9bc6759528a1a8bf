"""The Markdown page of a run."""

import math
from collections.abc import Sequence

from bench.bars import BARS, ENVOY, HAPROXY, NGINX, Verdict, judge
from bench.figures import ERRORS, LATE, LOG_BYTES, Measure, Results
from bench.scenarios import INSPECTIONS, LOADS, Inspection, Scenario
from bench.statistics import ratio, spread

_REFERENCES = (ENVOY, NGINX, HAPROXY)
_TITLES = {ENVOY: "Envoy", HAPROXY: "HAProxy"}
_INTRODUCTION = (
    "Medians over interleaved rounds; every proxy has one core to itself, load and backend share another. CPU is user and "
    "system time of all the proxy's processes. *Spread* is the distance between the best and the worst round. "
    "Ratios are of the column in bold. How to read this, and what makes it fair: [README](../README.md)."
)
# A line in Istio's format is longer than 200 octets; buffers that are not yet written explain a part of what is missing.
_LEAST_LOG_BYTES = 100


def format_figure(value: float, digits: int) -> str:
    """A number with thousands separated; a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:,.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row has {len(row)} cells, the head {len(head)}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def page(results: Results, picture: str) -> str:
    """The whole page; `picture` is the SVG's file name beside it."""
    parts = [
        f"# Proxies side by side, {results.started[:16].replace('T', ' ')}",
        f"![CPU, latency and memory of each proxy]({picture})",
        _INTRODUCTION,
    ]
    parts += ["## Bars", bars_table(results)]
    for scenario in LOADS:
        if results.contestants(scenario.name):
            parts += [f"## {scenario.title} (`{scenario.name}`)", load_table(results, scenario)]
            parts += _remarks(results, scenario)
    for inspection in INSPECTIONS:
        if results.contestants(inspection.name):
            parts += [f"## {inspection.title} (`{inspection.name}`)", inspection_table(results, inspection)]
    if results.skipped:
        parts += ["## Not measured", "\n".join(f"- {who}: {' '.join(why.split())}" for who, why in results.skipped.items())]
    parts += ["## Machine and versions", "\n".join(f"- {name}: {value}" for name, value in results.facts.items())]
    parts.append("\n".join(f"- {name}: {version}" for name, version in results.versions.items()))
    if results.notes:
        parts += ["## Notes", "\n".join(f"- {' '.join(note.split())}" for note in results.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _titled(measure: Measure, compared: Measure | None) -> str:
    text = measure.title if measure.unit == "/s" else f"{measure.title}, {measure.unit}"
    return f"**{text}**" if measure == compared else text


def load_table(results: Results, scenario: Scenario) -> str:
    """A row for each contestant of a scenario: medians, the spread and ratios of the compared measure."""
    compared = scenario.compared
    head = ["", *(_titled(measure, compared) for measure in scenario.shown), "spread", *_ratio_titles(_REFERENCES)]
    rows: list[list[str]] = []
    for name in results.contestants(scenario.name):
        row = [name]
        row += [format_figure(results.median(scenario.name, name, measure.key), measure.digits) for measure in scenario.shown]
        disagreement = spread(results.values(scenario.name, name, compared.key))
        row.append("-" if math.isnan(disagreement) else f"{disagreement:.0%}")
        rows.append(row + _ratios(results, scenario.name, name, compared, _REFERENCES))
    return table(head, rows)


def inspection_table(results: Results, inspection: Inspection) -> str:
    """A row for each contestant of an inspection: medians, and ratios of the compared measure where others take part."""
    scenario, compared = inspection.name, inspection.compared
    others = [name for name in _REFERENCES if name in results.contestants(scenario)]
    head = ["", *(_titled(measure, compared) for measure in inspection.shown), *_ratio_titles(others)]
    rows: list[list[str]] = []
    for name in results.contestants(scenario):
        row = [name]
        row += [format_figure(results.median(scenario, name, measure.key), measure.digits) for measure in inspection.shown]
        rows.append(row + _ratios(results, scenario, name, compared, others))
    return table(head, rows)


def _ratio_titles(references: Sequence[str]) -> list[str]:
    return [f"to {_TITLES.get(name, name)}" for name in references]


def _ratios(results: Results, scenario: str, name: str, measure: Measure, references: Sequence[str]) -> list[str]:
    value = results.median(scenario, name, measure.key)
    return [format_figure(ratio(value, results.median(scenario, reference, measure.key)), 2) for reference in references]


def _remarks(results: Results, loaded: Scenario) -> list[str]:
    scenario = loaded.name
    remarks: list[str] = []
    noisy, rounds = results.noisy_rounds(scenario)
    if noisy:
        remarks.append(f"**Noisy**: in {noisy} of {rounds} rounds something else used these cores.")
    for name in results.contestants(scenario):
        # Of octets that pass as they are there is a line for each connection.
        if loaded.listener != "tcp" and results.median(scenario, name, LOG_BYTES) < _LEAST_LOG_BYTES:
            remarks.append(f"**{name} keeps no comparable access log.**")
        errors = sum(results.values(scenario, name, ERRORS))
        if errors:
            remarks.append(f"**{name} failed {errors:,.0f} requests.**")
        late = results.median(scenario, name, LATE)
        if late > 0.5:
            remarks.append(f"The generator itself was up to {late:.1f} ms late (p99) for {name}; latencies include that.")
    return [" ".join(remarks)] if remarks else []


def bars_table(results: Results) -> str:
    """A row for each bar: what it asks, what was reached, and whether that is enough."""
    rows: list[list[str]] = []
    for bar in BARS:
        verdict = judge(bar, results)
        rows.append([bar.title, "now" if bar.must else "goal", *_verdict_cells(verdict, results)])
    return table(["bar", "when", "figures", "reached", "at most", "verdict"], rows)


def _verdict_cells(verdict: Verdict, results: Results) -> list[str]:
    bar = verdict.bar
    unit, digits = bar.measure.unit, bar.measure.digits
    shown = f"{format_figure(verdict.value, digits)} {unit}"
    if bar.reference is not None:
        shown = f"{format_figure(verdict.value, digits)} / {format_figure(verdict.reference_value, digits)} {unit}"
    word = {True: "pass", False: "**missed**", None: "not measured"}[verdict.passed]
    noisy, rounds = results.noisy_rounds(bar.scenario)
    if verdict.passed is not None and noisy * 2 > rounds:
        word += ", but noisy: repeat it"
    return [shown, format_figure(verdict.reached, 2), format_figure(bar.limit, 2), word]
