"""The README is true: somebody who types what it says, in an empty folder, sees what it says, in less than ten minutes."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from laptop_mesh import get, wait_until
from origin import origin
from page_reader import ROOT, Reader, Terminal, commands_of
from programs import free_port

pytestmark = pytest.mark.e2e

PAGE: Final = "README.md"
TEN_MINUTES: Final = 600.0
(START, OPEN, LOOK, SHIFT, SLOW, QUICK, WHO_CALLS, PLAINTEXT, PERMISSIVE, STRICT, TRACE, PROXY, CHECK) = commands_of(PAGE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader in a folder that has of a checkout what the tour touches.

    What `git clone` and `make setup` make is taken from where the tests run: making it again would take minutes and the network.
    """
    reading = Reader(tmp_path)
    reading.has_program("make", ["test", "setup", "="])
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text("# the programs are found already\n")
    try:
        yield reading
    finally:
        reading.leaves()


def test_the_tour(reader: Reader, tmp_path: Path) -> None:
    began = time.monotonic()
    # Ports of its own: another test may be starting on those that the demo prefers.
    demo = reader.leave_running(START.replace("hauberk demo", f"hauberk demo {_ports()}"), "demo")
    wait_until(lambda: "its own visitors" in demo.read_text(), "a demo that runs")
    terminal = reader.opens_terminal()
    seen = terminal.types(OPEN)

    shown = terminal.types(LOOK)
    assert re.search(r"HTTPRoute +default/reviews +reviews +Accepted=True", shown), shown
    assert "spiffe://cluster.local/ns/default/sa/productpage" in shown

    terminal.types(SHIFT)
    _wait_shown(
        terminal, _last_command(SHIFT), "the new versions alone", r"\A +\d+ \"version\":\"v2\"\n +\d+ \"version\":\"v3\"\n\Z"
    )

    # A reader on a busy machine may see what a later request found.
    why = "5 of 502, 503 and 504 in a row \\(consecutiveGatewayErrors\\)|the first request after it had been left out failed"
    _wait_shown(terminal, SLOW, "an open circuit", rf"reviews-v[23]: .*ratings.* GET /ratings/0: upstream_timeout:\s+({why})")
    terminal.types(QUICK)

    seen += terminal.types(WHO_CALLS) + terminal.types(PLAINTEXT)
    terminal.types(PERMISSIVE)
    seen += _wait_shown(terminal, _last_command(PERMISSIVE), "plaintext let in", "publisher")
    terminal.types(STRICT)
    _wait_shown(terminal, PLAINTEXT, "plaintext kept out again", "curl ended with 56")

    terminal.types(TRACE)
    tree = _wait_shown(terminal, _last_command(TRACE), "a whole trace", r"details client GET /details/0 200\n(.*\n)*\Z")
    assert re.search(r"default/bookshop server GET /productpage 200\n.* {4}default/bookshop client", tree), tree
    assert re.search(r" {6}productpage server GET /productpage 200\n", tree), tree
    assert re.search(r" {10,}productpage client GET /details/0 200\n.* {12,}details server GET /details/0 200\n", tree), tree

    _wait_shown(terminal, "hauberk circuits", "circuits that are closed again", r"\A(?!(.*\n)* .* open )")
    reader.interrupts("demo")
    assert "ended; nothing is left behind" in demo.read_text()
    assert not (tmp_path / "shop").exists()
    assert time.monotonic() - began < TEN_MINUTES
    _assert_shown_on_the_page(seen)


def test_one_line_is_a_proxy(reader: Reader) -> None:
    with origin("books") as books:
        port = free_port()
        reader.leave_running(PROXY.replace(":8080", f":{port}").replace(":9000", f":{books.port}"), "proxy")
        wait_until(lambda: get(port, "/").body == "books", "the proxy")


def test_the_example_is_checked(reader: Reader) -> None:
    assert reader.types(f"cd {ROOT}\n{CHECK}", folder=".").returncode == 0


def _ports() -> str:
    return " ".join(f"{option} {free_port()}" for option in ("--port", "--tls-port", "--admin-port"))


def _last_command(block: str) -> str:
    """What shows the outcome of a block; on a busy machine a reader types it once more."""
    return block.splitlines()[-1]


def _wait_shown(terminal: Terminal, command: str, what: str, pattern: str) -> str:
    """Type `command` until what is shown has `pattern`. Returns: it."""
    shown = [""]

    def is_shown() -> bool:
        shown[0] = terminal.types(command)
        return re.search(pattern, shown[0]) is not None

    try:
        wait_until(is_shown, what)
    except AssertionError as error:
        raise AssertionError(f"{error}; shown is {shown[0]!r}") from error
    return shown[0]


def _assert_shown_on_the_page(seen: str) -> None:
    """What the page shows whole is what was seen, in this order."""
    shown = re.findall(r"^```text\n(.*?)^```$", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    whole = [block for block in shown if not re.search(r" ms|…", block)]
    assert "".join(whole) == seen
