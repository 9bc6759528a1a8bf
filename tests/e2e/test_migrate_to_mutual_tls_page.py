"""The how-to on the migration to mutual TLS is true: what its commands show is what it says they do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from laptop_mesh import wait_until
from page_reader import ROOT, Reader, Terminal, commands_of

pytestmark = pytest.mark.e2e

PAGE = "docs/how-to/migrate-to-mutual-tls.md"
(UP, JOIN, *STEPS) = commands_of(PAGE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reading = Reader(tmp_path)
    try:
        reading.starts_mesh(UP)
        joined = reading.leave_running(JOIN, "join")
        wait_until(lambda: joined.read_text().count(" serves http://") == 2, "both programs")
        yield reading
    finally:
        reading.leaves()


def test_a_mesh_is_closed_one_namespace_after_the_other_and_opened_again(reader: Reader) -> None:
    terminal = reader.opens_terminal()
    shown = re.findall(r"^```text\n(.*?)^```$", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    told = _without_ports("".join([block for block in shown if not block.startswith("sum by")]))
    seen = "".join([_seen(terminal, step, told) for step in STEPS])
    assert seen == told


def _seen(terminal: Terminal, step: str, told: str) -> str:
    """What is shown when a step is typed. What proxies count and log is there a moment after they have answered."""
    seen = [""]

    def is_told() -> bool:
        seen[0] = _without_ports(re.sub(r"^done after .*\n", "", terminal.types(step), flags=re.MULTILINE))
        return "/stats/prometheus" not in step or seen[0] in told

    wait_until(is_told, f"what the page shows of {step!r}")
    return seen[0]


def _without_ports(text: str) -> str:
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", "PORT", text)
