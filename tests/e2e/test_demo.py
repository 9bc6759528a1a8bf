"""The demo as a user runs it: `hauberk demo`, as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from hauberk_bookshop.calling import Service
from hauberk_cli.demo.descendants import descendants, is_running
from hauberk_cli.demo.ports import is_free
from hauberk_cli.demo.waiting import wait_until

pytestmark = pytest.mark.e2e

_START_SECONDS = 60
_END_SECONDS = 30
_CHECK_SECONDS = 180


def _free_ports() -> list[int]:
    """Three that are free now. Not the preferred ones: another demo may be starting on them."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return [each.getsockname()[1] for each in sockets]


def _command(ports: list[int], folder: Path, *more: str) -> list[str]:
    options = ["--port", str(ports[0]), "--tls-port", str(ports[1]), "--admin-port", str(ports[2]), "--dir", str(folder)]
    return [sys.executable, "-m", "hauberk_cli", "demo", *options, *more]


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
        assert [port for port in self.ports if not is_free(port)] == []
        assert await wait_until(lambda: not self.folder.exists(), _END_SECONDS)


@asynccontextmanager
async def _running(folder: Path, *more: str) -> AsyncIterator[_Demo]:
    """A demo that has begun to start; what it has become is up to the test."""
    ports = _free_ports()
    process = await trio.lowlevel.open_process(
        _command(ports, folder, *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
    )
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
    assert done.stdout.count("  pass  ") == 8
    assert "\x1b" not in done.stdout, "colour is for terminals"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("its own visitors")
        for host, port in (("bookshop.localhost", demo.ports[0]), ("localhost", demo.ports[0])):
            service = Service("127.0.0.1", port, host)
            reply = await service.get("/productpage")
            await service.aclose()
            assert reply.status == 200
            assert reply.header("reviews-version")
        processes = demo.processes()
        assert sum("hauberk_bookshop" in command for command in processes.values()) == 6
        demo.process.send_signal(number)
        assert await _wait_end(demo) == 0
        await demo.assert_nothing_left(processes)


async def test_a_signal_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("ready")
        processes = demo.processes()
        demo.process.send_signal(signal.SIGINT)
        assert await _wait_end(demo) == 0
        await demo.assert_nothing_left(processes)


async def test_killed_outright_it_still_leaves_nothing(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("its own visitors")
        processes = demo.processes()
        demo.process.kill()
        await demo.process.wait()
        await demo.assert_nothing_left(processes)


async def test_a_part_that_dies_ends_it_with_the_reason(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("its own visitors")
        processes = demo.processes()
        victim = next(process for process, command in processes.items() if "hauberk_bookshop details" in command)
        os.kill(victim, signal.SIGKILL)
        assert await _wait_end(demo) == 1
        await demo.wait_shown("details ended by itself (killed by SIGKILL)")
        assert b"details serves http://127.0.0.1:" in demo.shown
        await demo.assert_nothing_left(processes)


async def test_changed_weights_show_in_its_own_traffic_and_a_mistake_is_told(tmp_path: Path) -> None:
    async with _running(tmp_path / "demo") as demo:
        await demo.wait_shown("its own visitors")
        config = demo.folder / "gateway.json"
        text = config.read_text()
        config.write_text(text.replace('"weight": 90', '"weight": 0').replace('"weight": 5', '"weight": 50', 1))
        await demo.wait_shown("v1   0%")
        config.write_text(text.replace('"weight": 90', '"weight": -1'))
        await demo.wait_shown("gateway.json:")
        demo.process.send_signal(signal.SIGINT)
        assert await _wait_end(demo) == 0


def test_a_taken_port_and_a_used_folder_are_told_before_anything_starts(tmp_path: Path) -> None:
    ports = _free_ports()
    (tmp_path / "mine").write_text("precious")
    done = subprocess.run(_command(ports, tmp_path), capture_output=True, text=True, timeout=_END_SECONDS, check=False)
    assert done.returncode == 3
    assert "is not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"
