"""The demo as a user runs it: `hauberk demo`, as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from programs import free_port

from hauberk_bookshop.calling import CallError, Service
from hauberk_cli.demo.descendants import descendants, is_running
from hauberk_cli.demo.ports import is_free
from hauberk_cli.demo.waiting import wait_until
from hauberk_cli.exit_codes import NOT_STARTED

pytestmark = pytest.mark.e2e

_START_SECONDS = 120
_END_SECONDS = 60
_CHECK_SECONDS = 400
_VISITORS = "its own visitors"
"""Said when everything runs."""


def _free_ports() -> list[int]:
    """Three that are free now. Not the preferred ones: another demo may be starting on them."""
    return [free_port() for _ in range(3)]


def _command(ports: list[int], folder: Path, *more: str) -> list[str]:
    options = ["--port", str(ports[0]), "--tls-port", str(ports[1]), "--admin-port", str(ports[2]), "--dir", str(folder)]
    return [sys.executable, "-m", "hauberk_cli", "demo", *options, *more]


async def _shows_reviews(service: Service) -> bool:
    with suppress(CallError):
        reply = await service.get("/productpage")
        return reply.status == 200 and reply.header("reviews-version") != ""
    return False


@dataclass
class _Demo:
    process: trio.Process
    ports: list[int]
    folder: Path
    shown: bytearray = field(default_factory=bytearray)
    ended: trio.Event = field(default_factory=trio.Event)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for chunk in self.process.stdout:
            self.shown += chunk
        self.ended.set()

    async def wait_shown(self, text: str) -> None:
        await wait_until(lambda: text.encode() in self.shown or self.ended.is_set(), _START_SECONDS)
        assert text in self.shown.decode()

    def processes(self) -> dict[int, str]:
        """Everything that the demo has started, by process id, with its command line."""
        return descendants(self.process.pid)

    async def assert_nothing_left(self, processes: dict[int, str]) -> None:
        await wait_until(lambda: not any(map(is_running, processes)), _END_SECONDS)
        assert [command for process, command in processes.items() if is_running(process)] == []
        # Some may have come up after the list was taken; whoever ends them needs a moment.
        assert await wait_until(lambda: not self.folder.exists(), _END_SECONDS)
        assert [port for port in self.ports if not is_free(port)] == []


@asynccontextmanager
async def _running(folder: Path, limit: int | None = None) -> AsyncIterator[_Demo]:
    """A demo that has begun to start; what it has become is up to the test.

    Args: limit - octets that no file may be longer than.
    """
    ports = _free_ports()
    command = _command(ports, folder)
    if limit is not None:
        limited = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        command = [sys.executable, "-c", f"{limited} os.execv(sys.argv[1], sys.argv[1:])", *command]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0)
    demo = _Demo(process, ports, folder)
    assert process.stdout is not None
    async with process.stdout, trio.open_nursery() as nursery:
        nursery.start_soon(demo.read)
        try:
            yield demo
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            nursery.cancel_scope.cancel()


async def _wait_end(demo: _Demo) -> int:
    with trio.fail_after(_END_SECONDS):
        return await demo.process.wait()


def test_it_verifies_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        _command(_free_ports(), tmp_path / "demo", "--check"), capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  pass  ") == 16
    assert "\x1b" not in done.stdout, "colour is for terminals"


async def test_it_shows_what_is_done_to_it_and_a_signal_leaves_nothing(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown(_VISITORS)
        processes = demo.processes()
        for program, count in (
            ("hauberk_bookshop", 6),
            ("hauberk_sidecar", 6),
            ("hauberk_gateway", 1),
            ("hauberk_cli control", 1),
        ):
            assert sum(program in command for command in processes.values()) == count, program

        route = demo.folder / "reviews-route.yaml"
        text = route.read_text()
        route.write_text(text.replace("weight: 90", "weight: 0"))
        await demo.wait_shown("v1   0%")
        route.write_text(text.replace("weight: 90", "weight: -1"))
        await demo.wait_shown("reviews-route.yaml:")
        route.write_text(text)

        victim = next(process for process, command in processes.items() if "hauberk_bookshop details" in command)
        os.kill(victim, signal.SIGKILL)
        await demo.wait_shown("details ended by SIGKILL and is started again")
        await wait_until(lambda: sum("hauberk_bookshop" in command for command in demo.processes().values()) == 6, _START_SECONDS)
        service = Service("127.0.0.1", demo.ports[0], "localhost")
        with trio.fail_after(_START_SECONDS):
            while True:
                if await _shows_reviews(service):
                    break
                await trio.sleep(0.1)
        await service.aclose()

        processes |= demo.processes()
        demo.process.send_signal(signal.SIGINT)
        assert await _wait_end(demo) == 0
        await demo.assert_nothing_left(processes)
        await demo.wait_shown("nothing is left behind")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_while_it_starts_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("ready  control")
        # Everything else is just being started.
        await wait_until(lambda: len(demo.processes()) >= 6, _START_SECONDS)
        processes = demo.processes()
        demo.process.send_signal(number)
        assert await _wait_end(demo) == 0
        await demo.assert_nothing_left(processes)


@pytest.mark.parametrize("moment", ["ready  control", _VISITORS])
async def test_killed_outright_it_still_leaves_nothing(tmp_path: Path, moment: str) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown(moment)
        processes = demo.processes()
        demo.process.kill()
        await demo.process.wait()
        await demo.assert_nothing_left(processes)


async def test_a_part_that_cannot_start_is_told_with_its_reason_and_nothing_is_left(tmp_path: Path) -> None:
    # No socket can have so long a name, and control serves one in the folder.
    folder = tmp_path / ("long" * 25) / "demo"
    async with _running(folder) as demo:
        assert await _wait_end(demo) == NOT_STARTED
        await demo.wait_shown("error: control ended at its start; the end of its log")
        await demo.wait_shown("cannot be served")
        await demo.assert_nothing_left(demo.processes())


async def test_a_part_killed_at_its_start_ends_it(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("ready  control")
        found: list[int] = []

        def sidecar_runs() -> bool:
            found[:] = [process for process, command in demo.processes().items() if "hauberk_sidecar" in command]
            return bool(found)

        await wait_until(sidecar_runs, _START_SECONDS)
        os.kill(found[0], signal.SIGKILL)
        processes = demo.processes()
        assert await _wait_end(demo) == NOT_STARTED
        await demo.wait_shown("ended at its start; the end of its log")
        await demo.assert_nothing_left(processes)


@pytest.mark.parametrize("octets", [0, 4096, 65536])
async def test_on_a_full_disk_it_ends_with_a_reason_and_leaves_nothing(tmp_path: Path, octets: int) -> None:
    # A disk on which no file can grow beyond so many octets; to its users that is a disk that is full.
    async with _running(tmp_path / "demo", limit=octets) as demo:
        assert await _wait_end(demo) == NOT_STARTED
        await demo.wait_shown("error: ")
        assert b"Traceback" not in demo.shown
        await demo.assert_nothing_left(demo.processes())


def test_a_taken_port_and_a_used_folder_are_told_before_anything_starts(tmp_path: Path) -> None:
    ports = _free_ports()
    (tmp_path / "mine").write_text("precious")
    done = subprocess.run(_command(ports, tmp_path), capture_output=True, text=True, timeout=_END_SECONDS, check=False)
    assert done.returncode == NOT_STARTED
    assert "is not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"
    with socket.create_server(("127.0.0.1", ports[1])):
        done = subprocess.run(
            _command(ports, tmp_path / "demo"), capture_output=True, text=True, timeout=_END_SECONDS, check=False
        )
    assert done.returncode == NOT_STARTED
    assert f"port {ports[1]} is taken; name another one" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_its_files_alone_are_written_for_a_mesh_of_ones_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hauberk_cli", "demo", "--files-only", "--dir", str(tmp_path / "shop")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_END_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"hauberk up {tmp_path / 'shop'}" in done.stdout
    assert {path.name for path in (tmp_path / "shop").glob("*.yaml")} > {"gateway.yaml", "reviews-route.yaml", "certificate.yaml"}
