"""The how-to on the migration to mutual TLS is true: what its commands show is what it says they do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from laptop_mesh import wait_until
from page_reader import ROOT, Reader, commands_of

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
    seen = "".join([re.sub(r"^done after .*\n", "", terminal.types(step), flags=re.MULTILINE) for step in STEPS])
    shown = re.findall(r"^```text\n(.*?)^```$", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    told = "".join([block for block in shown if not block.startswith("sum by")])
    assert _without_ports(seen) == _without_ports(told)


def _without_ports(text: str) -> str:
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", "PORT", text)
