"""Gives proxies that need one another join token, for as long as the command that started them runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import Joined, JoinGateway, JoinWorkload
from hauberk_core.agent.identity.proof import WANTED_FILE

# A proxy without certificate is a proxy without peers: somebody waits for it.
_LOOK_SECONDS: Final = 1.0
_ASK_SECONDS: Final = 5.0


async def give_tokens(
    name: str, mesh: Path, state: Path, request: JoinGateway | JoinWorkload, write: Callable[[Joined], object]
) -> None:
    """Look for the agent's wish, have control make a token, and write it where the agent finds it; until cancelled.

    Args: name - of the proxy, for people; state - its folder; write - puts what control answered into its bootstrap document.
    """
    wanted = state / WANTED_FILE
    while True:
        await trio.sleep(_LOOK_SECONDS)
        if not wanted.exists():
            continue
        try:
            with trio.fail_after(_ASK_SECONDS):
                connection = await ControlConnection.open(mesh)
                try:
                    joined = await connection.ask(request, Joined)
                finally:
                    await connection.close()
        except (ControlAway, ControlRefused, trio.TooSlowError):
            # The agent goes on wishing, and its log says what it waits for.
            continue
        write(joined)
        wanted.unlink(missing_ok=True)
        click.echo(f"{name}: its certificate had ended; it joins again", err=True)
