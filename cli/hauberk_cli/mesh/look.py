"""Asks control how things are, and shows it."""

from pathlib import Path
from typing import TypeVar

import click
import msgspec
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.mesh.table import show_table
from hauberk_cli.output import show_json
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused, find_mesh
from hauberk_control.local.messages import AskStatus, ConditionRow, Request, Status

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


def show_status(mesh: Path | None, as_json: bool) -> int:
    """Returns: the exit code."""
    status = ask_control(mesh, AskStatus(), Status)
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


def ask_control(mesh: Path | None, request: Request, expected: type[_AnswerT]) -> _AnswerT:
    """Ask the control of a mesh. Raises: CommandError, if there is none or it refuses, with what to type."""

    async def ask() -> _AnswerT:
        connection = await ControlConnection.open(find_mesh(mesh))
        try:
            with trio.fail_after(10):
                return await connection.ask(request, expected)
        finally:
            await connection.close()

    try:
        return trio.run(ask)
    except (ControlAway, ControlRefused) as error:
        raise CommandError(str(error), "hauberk up DIR") from error
    except trio.TooSlowError as error:
        raise CommandError("control does not answer", "hauberk up DIR") from error
