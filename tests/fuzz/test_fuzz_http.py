"""The fuzzers that share a harness run, stop in time, and notice a finding."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# A fuzzer looks at the clock between two inputs only.
PATIENCE = 300


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "name",
    [
        "fuzz_head.py",
        "fuzz_http2.py",
        "fuzz_chunks.py",
        "fuzz_yaml.py",
        "fuzz_admission.py",
        "fuzz_client_hello.py",
        "fuzz_proxy_protocol.py",
        "fuzz_path.py",
    ],
)
def test_a_few_rounds(name: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / name, "--seconds", "1", "--seed", "1"], capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"no finding" in done.stdout


@pytest.mark.fuzz
def test_a_finding_ends_it(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        "from harness import Finding, run\n"
        "def check(octets):\n"
        "    if len(octets) > 3: raise Finding(octets)\n"
        "run(check, (b'ab',))\n"
    )
    done = subprocess.run(
        [sys.executable, script, "--seconds", "20"],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={"PYTHONPATH": str(FOLDER)},
    )
    assert done.returncode != 0
    # What exactly is found is a matter of chance: no seed is given.
    assert re.search(rb"^finding: b['\"].{4,}", done.stderr, re.MULTILINE)
