import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import trio

from hauberk_bookshop.calling import Service

_SECONDS = 60


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hauberk_bookshop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_serves_and_ends_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "hauberk_bookshop", "reviews"]
    environment = os.environ | {"SERVICE_VERSION": "v1"}
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    async with process.stdout:
        try:
            with trio.fail_after(_SECONDS):
                said = ""
                while not said.endswith("\n"):
                    said += (await process.stdout.receive_some()).decode()
                match = re.search(r"serves http://127\.0\.0\.1:([0-9]+)\n", said)
                assert match is not None
                service = Service("127.0.0.1", int(match[1]))
                assert (await service.get("/reviews/0")).status == 200
                await service.aclose()
                process.send_signal(number)
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def test_a_port_in_use_is_told_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        done = _run("details", "--port", str(port))
    assert done.returncode == 1
    assert f"details cannot serve on 127.0.0.1:{port}" in done.stderr


def test_a_wrong_setting_is_told() -> None:
    done = _run("ratings", "--fail-rate", "often")
    assert done.returncode == 2
    assert "FAULT_RATE is 'often'" in done.stderr
