"""Asks control how things are, and shows it."""

from typing import Final, TypeVar

import click
import msgspec
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.mesh.connect import next_command, open_connection
from hauberk_cli.mesh.table import show_table
from hauberk_cli.mesh.which import WhichMesh
from hauberk_cli.output import show_json
from hauberk_control.local.client import ControlAway, ControlRefused
from hauberk_control.local.messages import AskStatus, ConditionRow, Request, Status

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)
# Milliseconds on this machine; in a cluster a program has to start in control's pod.
_ANSWER_SECONDS: Final = 10.0


def show_status(mesh: WhichMesh, as_json: bool) -> int:
    """Ask control, and show its answer. Returns: the exit code."""
    return tell_status(ask_control(mesh, AskStatus(), Status), as_json)


def tell_status(status: Status, as_json: bool) -> int:
    """Show it. Returns: the exit code."""
    bad = [row for row in status.conditions if is_bad(row)]
    if as_json:
        show_json(status)
    else:
        rows = [("OBJECT", "PART", "CONDITION", "REASON", "PLACE")]
        for row in status.conditions:
            name = f"{row.kind} {row.namespace}/{row.name}" if row.namespace else f"{row.kind} {row.name}"
            rows.append((name, row.part, f"{row.type}={row.status}", row.reason, row.place))
        show_table(rows)
        for row in status.conditions:
            # An object that is accepted, and of which something has no effect.
            if row.type == "Accepted" and row.message and not is_bad(row):
                click.secho(f"{row.place}: {row.kind} {row.name}: {row.message}", fg="yellow", err=True)
        for row in bad:
            click.secho(f"{row.place}: {row.kind} {row.name}: {row.reason}: {row.message}", fg="red", err=True)
        for problem in status.problems:
            click.secho(problem, fg="red", err=True)
    return CHECK_FAILED if bad or status.problems else OK


def is_bad(row: ConditionRow) -> bool:
    """Whether a condition says that something is refused."""
    good = "False" if row.type in ("Conflicted", "PartiallyInvalid", "OverlappingTLSConfig") else "True"
    return row.status != good


def ask_control(mesh: WhichMesh, request: Request, expected: type[_AnswerT]) -> _AnswerT:
    """Ask the control of a mesh. Raises: CommandError, if there is none or it refuses, with what to type."""

    async def ask() -> _AnswerT:
        async with open_connection(mesh) as connection:
            with trio.fail_after(_ANSWER_SECONDS):
                return await connection.ask(request, expected)

    try:
        return trio.run(ask)
    except (ControlAway, ControlRefused) as error:
        raise CommandError(str(error), next_command(mesh)) from error
    except trio.TooSlowError as error:
        raise CommandError("control does not answer", next_command(mesh)) from error
