"""The how-to on changing a mesh from a script is true: its commands are run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from page_reader import Reader, commands_of

pytestmark = pytest.mark.e2e

PAGE: Final = "docs/how-to/scripts.md"
(JUDGE, UP, WAIT, CHANGE, BREAK, REPAIR, DUMP) = commands_of(PAGE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reading = Reader(tmp_path)
    try:
        yield reading
    finally:
        reading.leaves()


def test_a_script_knows_when_its_change_is_in_force_and_why_it_is_not(reader: Reader) -> None:
    judged = reader.types(JUDGE, folder=".")
    assert (judged.returncode, judged.stderr) == (0, "")
    assert "HTTPRoute default/reviews" in judged.stdout
    reader.starts_mesh(UP)
    assert reader.types(WAIT, folder=".").stdout.endswith(" s: default/bookshop\n")
    assert reader.types(CHANGE).stdout.endswith(" s: default/bookshop\n")
    broken = reader.types(BREAK)
    assert broken.returncode == 1
    assert broken.stderr.startswith("reviews-route.yaml:15:1: did not find expected node content")
    assert broken.stderr.endswith(" next: correct reviews-route.yaml, then: hauberk wait\n")
    assert reader.types(REPAIR).returncode == 0
    dumped = reader.types(DUMP)
    assert (dumped.returncode, dumped.stderr) == (0, "")
    assert dumped.stdout.startswith("default/bookshop: configuration ")
    assert f" 127.0.0.1:{reader.port} " in dumped.stdout
