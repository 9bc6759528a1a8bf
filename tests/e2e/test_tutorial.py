"""The tutorial is true: its commands are run as they stand, and show what it says."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from laptop_mesh import wait_until

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
TUTORIAL: Final = ROOT / "docs" / "tutorial" / "mesh-on-a-laptop.md"
COMMANDS: Final = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
"""The blocks of commands, in their order."""
(UP, JOIN, PROXIES, PAGE, COUNT, SHIFT, BREAK, STILL_SERVED, REPAIR, WHO_CALLS, PLAINTEXT) = COMMANDS


class Reader:
    """Somebody who types what the tutorial says, with a terminal for each purpose."""

    def __init__(self, home: Path) -> None:
        self._home: Final = home
        self._environment: Final = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        self._environment.pop("HAUBERK_MESH", None)
        self._terminals: Final[list[subprocess.Popen[bytes]]] = []
        self.port = "8080"

    def leave_running(self, commands: str, name: str) -> Path:
        """Type `commands` in another terminal. Returns: what is seen there."""
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
        return seen

    def types(self, commands: str) -> "subprocess.CompletedProcess[str]":
        """Type `commands` in the third terminal, and wait."""
        typed = commands.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        folder = self._home / "shop"
        return subprocess.run(
            ["bash", "-c", typed], cwd=folder, env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )

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


def _shares(counted: str) -> dict[str, int]:
    return {version: int(count) for count, version in re.findall(r'(\d+) "version":"(v\d)"', counted)}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "deploy" / "samples", home / "deploy" / "samples")
    (home / "bin").mkdir()
    for name, arguments in (("hauberk", "-m hauberk_cli"), ("python", "")):
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    reading = Reader(home)
    try:
        up = reading.leave_running(UP, "up")
        wait_until(lambda: "metrics are" in up.read_text(), "the gateway's address")
        [reading.port] = re.findall(r"port 80 is 127\.0\.0\.1:(\d+)", up.read_text())
        joined = reading.leave_running(JOIN, "join")
        wait_until(lambda: joined.read_text().count(" serves http://") == 6, "six services")
        wait_until(
            lambda: sorted(_shares(reading.types(COUNT).stdout)) == ["v1", "v2", "v3"], "three versions behind the gateway"
        )
        yield reading
    finally:
        reading.leaves()


def test_seven_proxies_have_the_latest(reader: Reader) -> None:
    wait_until(lambda: reader.types("hauberk proxies").stdout.count(" yes ") == 7, "seven proxies up to date")
    shown = reader.types(PROXIES.replace("cd shop\n", "")).stdout
    assert "spiffe://cluster.local/ns/default/sa/bookshop-hauberk" in shown
    assert "spiffe://cluster.local/ns/default/sa/details" in shown


def test_the_page_is_there(reader: Reader) -> None:
    assert reader.types(PAGE).stdout == "<h1>Thirty Thousand Rings</h1>\n"


def test_weights_are_kept_moved_and_survive_a_mistake(reader: Reader) -> None:
    shares = _shares(reader.types(COUNT).stdout)
    assert sum(shares.values()) == 100
    assert abs(shares["v1"] - 90) <= 2
    assert min(shares["v2"], shares["v3"]) >= 3

    # Connections of their own may reach either worker of the gateway, each with a sequence of its own.
    shares = _shares(reader.types(SHIFT).stdout)
    assert sum(shares.values()) == 20
    assert sorted(shares) == ["v2", "v3"]
    assert abs(shares["v2"] - shares["v3"]) <= 4

    broken = reader.types(BREAK)
    assert broken.returncode == 1
    assert re.search(r"reviews\.yaml:10:5: .*backendRef", broken.stderr), broken.stderr
    assert "backendRefs" in broken.stderr
    assert reader.types(STILL_SERVED).stdout == "200\n"
    repaired = reader.types(REPAIR)
    assert (repaired.returncode, repaired.stderr) == (0, "")


def test_every_hop_is_mutual_tls_and_plaintext_is_reset(reader: Reader) -> None:
    reader.types(PAGE)
    assert set(reader.types(WHO_CALLS).stdout.splitlines()) == {
        'connection_security_policy="mutual_tls"',
        'source_principal="spiffe://cluster.local/ns/default/sa/productpage"',
    }
    assert reader.types(PLAINTEXT).stdout == "curl ended with 56\n"


def test_outputs_shown_are_of_these_commands() -> None:
    text = TUTORIAL.read_text()
    for shown in ("<h1>Thirty Thousand Rings</h1>", "curl ended with 56", 'connection_security_policy="mutual_tls"', "\n200\n"):
        assert shown in text
