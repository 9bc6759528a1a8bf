"""What was measured: as JSON, and as a page for people."""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from bench.statistics import median

MEBIBYTE: Final = 1 << 20


class Series(NamedTuple):
    """The same thing measured several times."""

    name: str
    unit: str
    values: tuple[float, ...]
    most_median: float | None = None
    """The bar; None: there is none."""
    most: float | None = None
    """The bar for each single value."""

    @property
    def met(self) -> bool:
        """Whether all bars are."""
        return (self.most_median is None or median(self.values) <= self.most_median) and (
            self.most is None or max(self.values) <= self.most
        )


class Report(NamedTuple):
    """One run."""

    started: str
    facts: dict[str, str]
    """What a reader must know of the machine and the cluster."""
    series: tuple[Series, ...]


def page(report: Report) -> str:
    """Markdown."""
    rows = ["| what | median | least | most | times | bar | met |", "|---|---|---|---|---|---|---|"]
    for one in report.series:
        figures = [f"{value:,.1f} {one.unit}" for value in (median(one.values), min(one.values), max(one.values))]
        bars = [
            f"{name} {bar:,.0f} {one.unit}" for name, bar in (("median", one.most_median), ("most", one.most)) if bar is not None
        ]
        met = ("yes" if one.met else "**no**") if bars else ""
        rows.append(f"| {' | '.join([one.name, *figures, str(len(one.values)), ', '.join(bars), met])} |")
    facts = [f"- {name}: {fact}" for name, fact in report.facts.items()]
    return "\n".join([f"# hauberk on a cluster, {report.started}", "", *rows, "", *facts, ""])


def raw(report: Report) -> str:
    """Every value, as JSON."""
    series = [one._asdict() | {"values": [round(value, 3) for value in one.values]} for one in report.series]
    return json.dumps(report._asdict() | {"series": series}, indent=1) + "\n"


def all_met(series: Sequence[Series]) -> bool:
    """Whether every bar is."""
    return all(one.met for one in series)
