"""Somebody who types what a page of the documentation says, with a terminal for each purpose."""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from laptop_mesh import wait_until

ROOT: Final = Path(__file__).parents[2]


_PATIENCE: Final = 120.0
"""Seconds for what is typed, on a machine that may be busy."""


def commands_of(page: str) -> list[str]:
    """The blocks of commands of a page, by its path in the repository, in their order."""
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


class Reader:
    """Types commands in folders below `home`; `hauberk`, `python`: those under test, or of another interpreter."""

    def __init__(self, home: Path, interpreter: str = sys.executable) -> None:
        self._home: Final = home
        self._environment: Final = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        self._environment.pop("HAUBERK_MESH", None)
        self._terminals: Final[list[subprocess.Popen[bytes]]] = []
        self._named: Final[dict[str, subprocess.Popen[bytes]]] = {}
        self.port = "8080"
        """What the page's 8080 is on this machine, where another test may have it."""
        (home / "bin").mkdir()
        self.has_program("hauberk", [interpreter, "-m", "hauberk_cli"])
        self.has_program("python", [interpreter])

    def has_program(self, name: str, command: Sequence[str]) -> None:
        """Have `name` stand for a command, which is given what follows the name."""
        program = self._home / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
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
        terminal.wait(_PATIENCE)
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
            timeout=_PATIENCE,
            check=False,
        )

    def opens_terminal(self) -> "Terminal":
        """Another terminal, in `home`, to type in one thing after the other."""
        terminal = Terminal(self._home, self._environment)
        self._terminals.append(terminal.shell)
        return terminal

    def starts_mesh(self, command: str) -> None:
        """Leave `hauberk up` running, and note the gateway's port."""
        up = self.leave_running(command, "up")
        wait_until(lambda: "metrics are" in up.read_text(), "the gateway's address")
        [self.port] = re.findall(r"port 80 is 127\.0\.0\.1:(\d+)", up.read_text())

    def leaves(self) -> None:
        """End what runs, the newest terminal first."""
        for terminal in reversed(self._terminals):
            os.killpg(terminal.pid, signal.SIGTERM)
            terminal.wait(_PATIENCE)
            wait_until(partial(_has_ended, terminal.pid), "the end of all that ran in it")
            for pipe in (terminal.stdin, terminal.stdout):
                if pipe is not None:
                    pipe.close()


class Terminal:
    """One shell: the folder that one command goes to, and the variables it sets, are there for the next."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.shell: Final = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def types(self, commands: str) -> str:
        """Type `commands` and wait for the prompt. Returns: what was shown meanwhile."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        prompt = f"prompt-{uuid.uuid4()}"
        self.shell.stdin.write(f"{commands}\necho {prompt}\n".encode())
        self.shell.stdin.flush()
        shown = b""
        deadline = time.monotonic() + _PATIENCE
        while not shown.endswith(f"{prompt}\n".encode()):
            ready, _, _ = select.select([self.shell.stdout], [], [], max(0.0, deadline - time.monotonic()))
            octets = os.read(self.shell.stdout.fileno(), 65536) if ready else b""
            assert octets, f"no end of {commands!r}, only {shown!r}"
            shown += octets
        return shown.decode().removesuffix(f"{prompt}\n")


def _has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
