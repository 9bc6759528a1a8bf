"""Somebody who types what a page of the documentation says, with a terminal for each purpose."""

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from laptop_mesh import wait_until

ROOT: Final = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """The blocks of commands of a page, by its path in the repository, in their order."""
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


class Reader:
    """Types commands in folders below `home`; `hauberk`, `python`: those under test."""

    def __init__(self, home: Path) -> None:
        self._home: Final = home
        self._environment: Final = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        self._environment.pop("HAUBERK_MESH", None)
        self._terminals: Final[list[subprocess.Popen[bytes]]] = []
        self._named: Final[dict[str, subprocess.Popen[bytes]]] = {}
        self.port = "8080"
        """What the page's 8080 is on this machine, where another test may have it."""
        (home / "bin").mkdir()
        for name, arguments in (("hauberk", "-m hauberk_cli"), ("python", "")):
            program = home / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            program.chmod(0o755)

    def leave_running(self, commands: str, name: str) -> Path:
        """Type `commands` in another terminal, in `home`. Returns: what is seen there."""
        seen = self._home / f"{name}.seen"
        with seen.open("w") as output:
            terminal = subprocess.Popen(
                ["bash", "-c", f"{commands}\nwait\n"],
                cwd=self._home,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._terminals.append(terminal)
        self._named[name] = terminal
        return seen

    def interrupts(self, name: str) -> None:
        """Press Ctrl-C in the terminal that was opened under `name`."""
        terminal = self._named[name]
        os.killpg(terminal.pid, signal.SIGINT)
        terminal.wait(60)
        self._terminals.remove(terminal)

    def types(self, commands: str, folder: str = "shop") -> "subprocess.CompletedProcess[str]":
        """Type `commands` in a folder below `home`, and wait."""
        typed = commands.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        return subprocess.run(
            ["bash", "-c", typed],
            cwd=self._home / folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def starts_mesh(self, command: str) -> None:
        """Leave `hauberk up` running, and note the gateway's port."""
        up = self.leave_running(command, "up")
        wait_until(lambda: "metrics are" in up.read_text(), "the gateway's address")
        [self.port] = re.findall(r"port 80 is 127\.0\.0\.1:(\d+)", up.read_text())

    def leaves(self) -> None:
        """End what runs, the newest terminal first."""
        for terminal in reversed(self._terminals):
            os.killpg(terminal.pid, signal.SIGTERM)
            terminal.wait(60)
            wait_until(partial(_has_ended, terminal.pid), "the end of all that ran in it")


def _has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
