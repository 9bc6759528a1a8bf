"""A demo for checks to be held against: its gateway is a plain server that does what a test wants, right or wrong."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio

from hauberk_bookshop.serving import Server
from hauberk_bookshop.web import Handler
from hauberk_cli.demo.folder import DemoFolder, write_files
from hauberk_cli.demo.minding import open_minder
from hauberk_cli.demo.running import Plan, RunningDemo
from hauberk_cli.mesh.gateways import GatewayProxy
from hauberk_cli.mesh.processes import Child

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]


@pytest.fixture
async def make_demo(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[MakeDemo]:
    """Build a demo whose gateway answers with the handler given. There are no processes in it."""
    with open_minder(tmp_path / "minded", keep=False) as minder:

        async def make(handler: Handler) -> RunningDemo:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(Server(handler).run, listeners, trio.Event())
            port = listeners[0].socket.getsockname()[1]
            folder = DemoFolder(tmp_path / "demo")
            folder.root.mkdir()
            write_files(folder)
            log = folder.log("control")
            log.touch()
            idle = Child("nothing", list, log)
            gateway = GatewayProxy("default/bookshop", {80: port, 443: port}, f"127.0.0.1:{port}", idle)
            plan = Plan(port, port, port, workers=1)
            return RunningDemo(folder, plan, idle, gateway, {}, ssl.create_default_context(), minder)

        yield make
