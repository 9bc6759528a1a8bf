"""The how-to on VirtualServices is true: its commands are run as they stand, and show what it says."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from laptop_mesh import wait_until
from page_reader import Reader, commands_of

pytestmark = pytest.mark.e2e

PAGE: Final = "docs/how-to/virtual-services.md"
(UP, JOIN, ASK) = commands_of(PAGE)


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reading = Reader(tmp_path_factory.mktemp("reader"))
    try:
        up = reading.leave_running(UP, "up")
        wait_until(lambda: "join with" in up.read_text(), "the mesh")
        joined = reading.leave_running(JOIN, "join")
        wait_until(lambda: joined.read_text().count(" serves http://") == 2, "both versions")
        yield reading
    finally:
        reading.leaves()


def test_weights_faults_and_retries_of_a_virtual_service(reader: Reader) -> None:
    shown = reader.types(ASK).stdout
    answers = {version: int(count) for count, version in re.findall(r'(\d+) "version":"(v\d)"', shown)}
    # Weights hold to within a few requests, wherever the proxy's dice begin; an error would be no answer of either.
    assert sum(answers.values()) == 20, shown
    assert 1 <= answers["v2"] <= 4, shown
    assert shown.split()[-1] == "418"
    assert "VirtualService" in reader.types("hauberk status").stdout
