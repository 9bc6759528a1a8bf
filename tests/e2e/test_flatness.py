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
        [sys.executable, SOAK, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
    )


def test_twenty_thousand_requests_leave_nothing_behind() -> None:
    done = soak("--requests", "20000", "--connections", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flat: nothing grew, nothing failed" in done.stdout
