"""The how-to on replacing proxies is true: its commands are run, and its unit is one that systemd takes."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from laptop_mesh import wait_until
from live_proxy import PATIENCE
from origin import origin
from page_reader import ROOT, Reader, commands_of
from programs import free_port, program

pytestmark = pytest.mark.e2e

PAGE: Final = "docs/how-to/replace-proxies.md"
UNIT: Final = ROOT / "deploy" / "systemd" / "hauberk-proxy.service"
(UP, REPLACE) = commands_of(PAGE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reading = Reader(tmp_path)
    try:
        yield reading
    finally:
        reading.leaves()


def test_a_gateway_is_replaced_as_the_page_says(reader: Reader, tmp_path: Path) -> None:
    seen = reader.leave_running(UP, "up")
    log = tmp_path / "shop" / ".hauberk" / "proxies" / "gateway.default.bookshop" / "log"
    wait_until(lambda: log.exists() and "is in force" in log.read_text(), "a gateway that serves")
    reader.types(REPLACE, folder=".")
    wait_until(lambda: "gateway default/bookshop was replaced: process" in seen.read_text(), "another process")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    verify = program("systemd-analyze")
    unit = tmp_path / UNIT.name
    # The program need not be installed where the test runs.
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/hauberk", sys.executable))
    ended = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    complaints = [line for line in ended.stderr.splitlines() if unit.name in line]
    assert complaints == []


def test_the_page_names_the_settings_of_the_unit() -> None:
    table = re.findall(r"^\| `(\w+=\S+)` \|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert len(table) == 5
    assert set(table) <= set(UNIT.read_text().splitlines())


def test_a_socket_that_systemd_opened_is_taken(tmp_path: Path) -> None:
    activate = program("systemd-socket-activate")
    port = free_port()
    with origin("books") as books, (tmp_path / "log").open("w") as log:
        proxy = [sys.executable, "-m", "hauberk_cli", "proxy", "--from", f"127.0.0.1:{port}", "--to", f"127.0.0.1:{books.port}"]
        variables = [f"--setenv={name}" for name in os.environ]
        process = subprocess.Popen(
            [activate, f"--listen=127.0.0.1:{port}", "--fdname=http", *variables, *proxy, "--workers", "2"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            # The socket is systemd's; had the proxy tried to open its own, it would have found the port taken, and ended.
            assert _answer(port) == b"books"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _answer(port: int) -> bytes:
    """What is served there, once somebody listens; the first connection makes systemd start the proxy."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as response:
                body: bytes = response.read()
                return body
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
