"""The soak, in small: few connections, so that the allocator reaches its working size soon."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from programs import program

pytestmark = pytest.mark.e2e

SOAK: Final = Path(__file__).parent / "soak.py"
SUPPORT: Final = Path(__file__).parent.parent / "support"


def soak(*arguments: str) -> "subprocess.CompletedProcess[str]":
    for name in ("wrk", "nginx"):
        program(name)
    return subprocess.run(
        [sys.executable, SOAK, "--seconds", "8", "--rounds", "8", "--connections", "4", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
    )


def test_some_thousand_requests_and_a_killed_worker_leave_nothing_behind() -> None:
    done = soak("--restarts", "worker-killed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "worker-killed under load" in done.stdout
    assert "flat: nothing grew" in done.stdout


def test_what_leaks_is_found() -> None:
    done = soak("--leak", "requests,changes", "--restarts")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "objects more are alive for each request" in done.stdout
    assert "agent: at least" in done.stdout
    assert "objects more are alive for each change" in done.stdout
