"""The process that ends the demo's parts when the demo itself cannot."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hauberk_cli.demo.descendants import is_running
from hauberk_cli.demo.minding import open_minder

_SECONDS = 60
# A demo of one part, which kills itself outright once the part is noted.
_KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from hauberk_cli.demo.descendants import is_running
from hauberk_cli.demo.minding import open_minder
with open_minder(Path(sys.argv[1]), keep=sys.argv[2] == "keep") as minder:
    part = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
    minder.note_start(part.pid)
    print(part.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("keep", ["keep", "drop"])
def test_what_was_noted_ends_with_the_one_who_noted_it(tmp_path: Path, keep: str) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    # The minder and the part have the pipe too: it ends when both are gone.
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), keep], stdout=subprocess.PIPE, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert not is_running(int(done.stdout))
    assert folder.exists() is (keep == "keep")


def test_groups_are_remembered(tmp_path: Path) -> None:
    with open_minder(tmp_path / "demo", keep=False) as minder:
        minder.note_start(4_000_001)
        minder.note_end(4_000_001)
        assert minder.groups == {4_000_001}
