"""Runs control in this process."""

import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.first_error import first_error
from hauberk_control.bridge import BindFailed
from hauberk_control.ca.authority import LONGEST_VALIDITY, SHORTEST_VALIDITY
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.control import Control, ControlOptions
from hauberk_control.local.server import LocalSocketError
from hauberk_core.agent.identity.private_file import PrivateFileError
from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.agent.minded import wait_unminded
from hauberk_core.model.duration import Duration

# Seconds. Renewals are spread by chance and take a moment; whose clock is further off than an hour cannot use TLS at all.
_SHORTEST_LEEWAY: Final = 1.0
_LONGEST_LEEWAY: Final = 3600.0
# What keeps control from starting, and what its user can do something about.
_MISTAKES: Final = (LocalSocketError, BindFailed, AuthorityError, PrivateFileError, OSError)


def read_validity(text: str) -> float:
    """Seconds. Raises: click.BadParameter."""
    try:
        seconds = Duration.parse(text).seconds
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--validity") from error
    if not SHORTEST_VALIDITY.total_seconds() <= seconds <= LONGEST_VALIDITY.total_seconds():
        raise click.BadParameter(f"{text} is not between 1s and 24h", param_hint="--validity")
    return seconds


def read_leeway(text: str) -> float:
    """Seconds. Raises: click.BadParameter."""
    try:
        seconds = Duration.parse(text).seconds
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--clock-leeway") from error
    if not _SHORTEST_LEEWAY <= seconds <= _LONGEST_LEEWAY:
        raise click.BadParameter(f"{text} is not between 1s and 1h", param_hint="--clock-leeway")
    return seconds


def run_control(folder: Path, trust_domain: str, validity: str, clock_leeway: str) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns: the exit code."""
    options = ControlOptions(
        trust_domain=trust_domain, validity_seconds=read_validity(validity), clock_leeway_seconds=read_leeway(clock_leeway)
    )
    configure_logging()
    try:
        trio.run(_serve, folder.resolve(), options)
    except* _MISTAKES as group:
        raise CommandError(str(first_error(group, _MISTAKES)), f"hauberk status --mesh {folder}") from None
    return OK


async def _serve(folder: Path, options: ControlOptions) -> None:
    await until_told_to_end(Control(folder, options).run)


async def until_told_to_end(run: Callable[[], Awaitable[None]]) -> None:
    """Run until it ends, or until SIGTERM, Ctrl-C, or the end of whoever started this process, which cancel it."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            nursery.start_soon(_end_unminded, nursery.cancel_scope)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


async def _end_unminded(scope: trio.CancelScope) -> None:
    await wait_unminded()
    LOG.warning("whoever started control has gone; it ends too")
    scope.cancel()
