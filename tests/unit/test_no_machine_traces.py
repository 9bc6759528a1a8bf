"""The repository's text names no one machine: no absolute paths of a checkout, no registry hosts."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

# Written in pieces, so that this file does not hold what it looks for.
TRACES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\w.$}~-])/" + r"(?:work|root|home/\w+|Users/\w+)/",
        r"(?<![\w.$}~-])/" + r"tmp/[a-z]+/",
        "files" + r"\.pythonhosted\." + "org",
        "pypi" + r"\.org/simple",
        "index" + "-url",
        "find" + "-links",
    )
)


def traces(text: str) -> list[str]:
    return [match.group() for pattern in TRACES for match in pattern.finditer(text)]


@pytest.mark.parametrize("text", ["/" + "home/ann/hauberk", "see /" + "work/main", "--extra-index" + "-url https://host.test"])
def test_a_trace_is_recognised(text: str) -> None:
    assert traces(text)


@pytest.mark.parametrize("text", ["GET /work HTTP/1.1", "~/work/hauberk", "https://host.test/root/a", "$HOME/home/ann/"])
def test_what_is_no_trace_is_left_alone(text: str) -> None:
    assert traces(text) == []


def test_no_tracked_text_holds_a_trace(repository: Path) -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    found: dict[str, list[str]] = {}
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = repository / name
        if not path.is_file():  # removed and not yet committed
            continue
        data = path.read_bytes()
        if b"\0" not in data and (here := traces(data.decode(errors="replace"))):
            found[name] = here

    assert found == {}
