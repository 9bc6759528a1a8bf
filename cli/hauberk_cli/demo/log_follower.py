"""Shows what a part of the demo says while it runs, for example about a file that it refuses."""

from pathlib import Path
from typing import Final

import trio

from hauberk_cli.demo import show

LOOK_SECONDS: Final = 0.1
SHOWN_LINES: Final = 20
"""Lines shown at a time; the rest is in the file."""
READ_LIMIT: Final = 1024 * 1024
"""Octets of a log that are read at a time."""


def read_log(log: Path, offset: int) -> tuple[str, int]:
    """The whole lines of a log from `offset` octets on, and the offset behind them."""
    with log.open("rb") as file:
        file.seek(offset)
        data = file.read(READ_LIMIT)
    end = data.rfind(b"\n") + 1
    return data[:end].decode(errors="replace"), offset + end


def log_size(log: Path) -> int:
    """Where the next octet of the log will be."""
    return log.stat().st_size


async def follow_log(part: str, log: Path) -> None:
    """Show what `part` says from now on, until cancelled."""
    offset = log_size(log)
    while True:
        await trio.sleep(LOOK_SECONDS)
        text, offset = read_log(log, offset)
        for line in text.splitlines()[:SHOWN_LINES]:
            show.part_says(part, line)
