import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from programs import free_port

from bench import machine
from bench.process import BenchError, Launch, Processes, free_ports

_CORE = min(os.sched_getaffinity(0))
# Listens on the port in its arguments, after starting a child that ignores requests to end.
_SERVER = """
import socket, subprocess, sys
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE).stdout.readline()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


def _launch(folder: Path, *arguments: str) -> Launch:
    return Launch([sys.executable, *arguments], folder, folder / "output.log", {"BENCH_WORD": "hello"})


def test_a_process_is_pinned_and_ends_with_its_descendants(tmp_path: Path) -> None:
    port = free_port()
    with Processes() as processes:
        process = processes.start("server", _launch(tmp_path, "-c", _SERVER, str(port)), _CORE)
        process.wait_port(port, seconds=60.0)
        family = process.family()
        assert len(family) == 2
        assert os.sched_getaffinity(process.pid) == {_CORE}
        handler = signal.getsignal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is handler
    assert [pid for pid in family if machine.birth(pid) is not None] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_process_that_ends_early_is_quoted(tmp_path: Path) -> None:
    port = free_port()
    code = "import os, sys; sys.exit('no such route: ' + os.environ['BENCH_WORD'])"
    with Processes() as processes:
        process = processes.start("server", _launch(tmp_path, "-c", code), _CORE)
        with pytest.raises(BenchError, match=r"server ended with status 1 before it listened:\s+no such route: hello"):
            process.wait_port(port, seconds=60.0)


def test_a_process_that_does_not_listen_is_named(tmp_path: Path) -> None:
    port = free_port()
    with Processes() as processes:
        process = processes.start("sleeper", _launch(tmp_path, "-c", "import time; time.sleep(600)"), _CORE)
        with pytest.raises(BenchError, match=f"sleeper does not listen on port {port}"):
            process.wait_port(port, seconds=0.1)
        with pytest.raises(BenchError, match="sleeper has not ended"):
            process.wait(seconds=0.1)


def test_only_the_end_of_a_long_output_is_quoted(tmp_path: Path) -> None:
    with Processes() as processes:
        process = processes.start("talker", _launch(tmp_path, "-c", "print('x\\n' * 100000 + 'the end')"), _CORE)
        process.wait(seconds=60.0)
        assert process.last_words().splitlines()[-1] == "the end"
        assert len(process.last_words().splitlines()) == 12


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
