"""Tells what checks came to, to people line by line and to programs as JSON."""

from collections.abc import Sequence
from typing import Final

import click
import msgspec

from hauberk_cli.check.checks import Outcome, Verdict
from hauberk_cli.output import show_json

_SIGNS: Final = {"success": ("√", "green"), "warning": ("‼", "yellow"), "error": ("×", "red")}  # noqa: RUF001 - as other tools show it


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One check."""

    description: str
    """What is so if all is well."""
    result: Verdict
    """A warning is worth knowing, and everything works all the same."""
    error: str
    """What is wrong; empty: nothing."""
    hint: str
    """What to do then."""


class CheckCategory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Checks of one matter."""

    category_name: str
    """What they are about: `control`, `identity`, ..."""
    checks: tuple[CheckRow, ...]
    """Those that were run, in their order."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What all checks came to."""

    success: bool
    """Nothing is wrong; what is only worth a warning does not count."""
    categories: tuple[CheckCategory, ...]
    """In their order, as far as it made sense to go on."""


class Report:
    """Takes outcomes as they come."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json: Final = as_json
        self._outcomes: Final[list[Outcome]] = []
        self._group = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong; what is only worth a warning does not count."""
        return all(outcome.verdict != "error" for outcome in self._outcomes)

    def take(self, outcome: Outcome) -> None:
        """Tell it, if people read."""
        self._outcomes.append(outcome)
        if self._as_json:
            return
        if outcome.group != self._group:
            before = "\n" if self._group else ""
            click.echo(f"{before}{outcome.group}\n{'-' * len(outcome.group)}")
            self._group = outcome.group
        sign, colour = _SIGNS[outcome.verdict]
        click.echo(f"{click.style(sign, fg=colour)} {outcome.check.description}")
        if outcome.fault:
            click.echo(f"    {outcome.fault}\n    see: {outcome.check.hint}")

    def finish(self) -> None:
        """Tell what all of it comes to."""
        if self._as_json:
            show_json(self._document())
        else:
            sign, colour = _SIGNS["success" if self.is_well else "error"]
            click.echo(f"\nall in all: {click.style(sign, fg=colour)}")

    def _document(self) -> CheckReport:
        groups: dict[str, list[Outcome]] = {}
        for outcome in self._outcomes:
            groups.setdefault(outcome.group, []).append(outcome)
        categories = [CheckCategory(category_name=name, checks=_rows(outcomes)) for name, outcomes in groups.items()]
        return CheckReport(success=self.is_well, categories=tuple(categories))


def _rows(outcomes: Sequence[Outcome]) -> tuple[CheckRow, ...]:
    return tuple(
        [
            CheckRow(description=one.check.description, result=one.verdict, error=one.fault, hint=one.check.hint)
            for one in outcomes
        ]
    )
