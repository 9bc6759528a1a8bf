"""What a check is, and how several are run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from hauberk_control.kubernetes.errors import ApiError

Verdict = Literal["success", "warning", "error"]


class Check(NamedTuple):
    """One thing that should be so."""

    description: str
    """What is so if all is well."""
    hint: str
    """What to do if not."""
    find_fault: Callable[[], Awaitable[str]]
    """What is wrong; empty: nothing. Raises: ApiError."""
    fatal: bool = False
    """Nothing behind it makes sense unless this is so."""
    warns: bool = False
    """A fault is worth knowing, and everything works all the same."""


class Group(NamedTuple):
    """Checks of one matter."""

    name: str
    checks: Sequence[Check]


class Outcome(NamedTuple):
    """What a check came to."""

    group: str
    check: Check
    verdict: Verdict
    fault: str = ""


async def run_checks(groups: Sequence[Group]) -> AsyncIterator[Outcome]:
    """Run all, in their order, as far as it makes sense."""
    for group in groups:
        for check in group.checks:
            try:
                fault = await check.find_fault()
            except ApiError as error:
                fault = str(error)
            if not fault:
                yield Outcome(group.name, check, "success")
                continue
            yield Outcome(group.name, check, "warning" if check.warns else "error", fault)
            if check.fatal:
                return
