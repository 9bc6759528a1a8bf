"""The how-to on writing plugins is true: its commands are run as they stand, in an environment of a stranger's own."""

import re
import shlex
from collections.abc import Iterator

import pytest
from laptop_mesh import wait_until
from page_reader import ROOT, Reader, commands_of
from stranger import environment, pip_install

pytestmark = pytest.mark.e2e

PAGE = "docs/how-to/write-a-plugin.md"
(NEW, UP, JOIN, SEE, MISTAKE, REPAIR, CHANGE, SEE_CHANGE) = commands_of(PAGE)
CLOSED = "this service is not open to your team\n"
MISTAKEN = "doorman.yaml:6:3: spec.team: no member is called 'team' here\n    did you mean 'teams'? known: 'teams'\n"


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    python = environment(tmp_path_factory.mktemp("stranger"))
    reading = Reader(tmp_path_factory.mktemp("reader"), str(python))
    # Everything that packages need is there; pip is not to look for it on the network.
    reading.has_program("pip", ["sh", "-c", f'shift; exec {shlex.join(pip_install(python))} "$@"', "pip"])
    try:
        yield reading
    finally:
        reading.leaves()


def test_a_plugin_is_written_acts_and_is_changed(reader: Reader) -> None:
    made = reader.types(NEW, folder=".")
    assert made.returncode == 0, made.stdout + made.stderr
    assert re.search(r"\b8 passed", made.stdout)
    assert re.search(r"^doorman +control +doorman 0\.1\.0 +1 +on +kinds translate$", made.stdout, re.MULTILINE), made.stdout
    assert re.search(r"^doorman +data +doorman 0\.1\.0 +1 +on +request_filter$", made.stdout, re.MULTILINE)

    reader.starts_mesh(f"cd doorman\n{UP}")
    joined = reader.leave_running(JOIN, "join")
    wait_until(lambda: " serves http://" in joined.read_text(), "productpage")
    # On a busy machine the program may need longer than its proxies.
    wait_until(lambda: reader.types(SEE, folder=".").stdout.endswith(f"{CLOSED}200\n"), "a door that is open to some")

    mistaken = reader.types(MISTAKE, folder="doorman/shop")
    assert mistaken.returncode == 1
    assert MISTAKEN in mistaken.stderr
    reader.types(REPAIR, folder="doorman/shop")

    changed = reader.types(CHANGE, folder="doorman/shop")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    wait_until(lambda: reader.types(SEE_CHANGE, folder=".").stdout == "this service is closed to you\n", "the change")


def test_what_is_shown_is_what_is_seen() -> None:
    text = (ROOT / PAGE).read_text()
    assert f"```text\n{CLOSED}200\n```" in text
    assert f"```text\n{MISTAKEN}```" in text
