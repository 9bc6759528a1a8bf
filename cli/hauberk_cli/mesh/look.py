"""Asks control how things are, and shows it."""

import json
from pathlib import Path
from typing import TypeVar

import click
import msgspec
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.mesh.table import show_table
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused, find_mesh
from hauberk_control.local.messages import AskProxies, AskStatus, ConditionRow, Proxies, ProxyRow, Request, Status

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


def show_status(mesh: Path | None, as_json: bool) -> int:
    """Returns: the exit code."""
    status = ask_control(mesh, AskStatus(), Status)
    bad = [row for row in status.conditions if is_bad(row)]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(status), indent=2, ensure_ascii=False))
    else:
        rows = [("OBJECT", "PART", "CONDITION", "REASON", "PLACE")]
        for row in status.conditions:
            name = f"{row.kind} {row.namespace}/{row.name}" if row.namespace else f"{row.kind} {row.name}"
            rows.append((name, row.part, f"{row.type}={row.status}", row.reason, row.place))
        show_table(rows)
        for row in bad:
            click.secho(f"{row.place}: {row.kind} {row.name}: {row.reason}: {row.message}", fg="red", err=True)
        for problem in status.problems:
            click.secho(problem, fg="red", err=True)
    return CHECK_FAILED if bad or status.problems else OK


def is_bad(row: ConditionRow) -> bool:
    """Whether a condition says that something is refused."""
    good = "False" if row.type in ("Conflicted", "PartiallyInvalid", "OverlappingTLSConfig") else "True"
    return row.status != good


def show_proxies(mesh: Path | None, as_json: bool) -> int:
    """Returns: the exit code."""
    answer = ask_control(mesh, AskProxies(), Proxies)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(answer), indent=2, ensure_ascii=False))
    else:
        rows = [("PROXY", "ROLE", "VERSION", "LATEST", "CONNECTED", "IDENTITY")]
        for proxy in answer.proxies:
            latest = "yes" if proxy.current else f"behind for {proxy.behind_seconds:.0f} s"
            rows.append((proxy.name, proxy.role, proxy.version, latest, f"{proxy.connected_seconds:.0f} s", proxy.identity))
        show_table(rows)
        for proxy in _refusing(answer):
            click.secho(f"{proxy.name} refused version {proxy.refused_version}: {proxy.refused_reason}", fg="red", err=True)
    return CHECK_FAILED if _refusing(answer) else OK


def _refusing(answer: Proxies) -> list[ProxyRow]:
    return [proxy for proxy in answer.proxies if proxy.refused_version]


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
