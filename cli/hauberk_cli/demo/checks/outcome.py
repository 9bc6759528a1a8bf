"""What a check finds, and the words for its figures."""

import math
from dataclasses import dataclass

from hauberk_cli.demo.traffic import Load, Tally


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a check passed, and its figures in words."""

    name: str
    passed: bool
    figures: str


def milliseconds(seconds: float) -> str:
    """A time for people; infinity is never."""
    return "never" if math.isinf(seconds) else f"{seconds * 1000:.0f} ms"


def errors(tally: Tally) -> str:
    """How many requests were not answered as they should, and the last reason."""
    return f"{tally.errors} errors" + (f" ({tally.last_error})" if tally.errors else "")


def failures(load: Load) -> str:
    """How many requests of a load failed, and the last reason."""
    failed = load.failed()
    return f"{len(failed)} of {len(load.samples)} requests failed" + (f" ({failed[-1].error})" if failed else "")
