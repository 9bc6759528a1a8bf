"""A whole sidecar at rest, in a real mesh: control serves a folder, `hauberk run` joins a workload to it, and one request has
passed both of the sidecar's sides. What is measured is what stands beside each workload: the agent and its worker, neither
control nor the launcher."""

import http.client
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import figures, machine
from bench.contestants.hauberk import Hauberk
from bench.figures import Round
from bench.process import BenchError, Launch, Processes
from bench.scenarios import SIDECAR

_MEBIBYTE = 1 << 20
_SAMPLE = Path(__file__).resolve().parent.parent / "bookshop" / "hauberk_bookshop" / "manifests"
_SERVICE = "details"
_PORT = 9080
# Four interpreters start one after another, on a machine that may be busy.
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.05
# Everything that is done once or seldom has then been done: configuration applied, spans sent, logs flushed.
_REST_SECONDS = 10.0


def measure_sidecar(contestant: Hauberk, folder: Path, number: int, core: int) -> Round:
    """Start a mesh in `folder`, which must not exist yet, and measure the sidecar of its only workload. Raises: BenchError."""
    mesh = folder / "mesh"
    shutil.copytree(_SAMPLE, mesh)
    hauberk = [contestant.python, "-P", "-m", "hauberk_cli"]
    with Processes() as processes:
        control = [*hauberk, "control", str(mesh)]
        processes.start("control", Launch(control, folder, folder / "control.log"), core)
        _wait_for((mesh / ".hauberk" / "control.sock").exists, "control's socket", folder / "control.log")
        run = [*hauberk, "run", "--mesh", str(mesh), "--service", _SERVICE, "--port", str(_PORT), "--"]
        run += [contestant.python, "-P", "-m", "hauberk_bookshop", _SERVICE]
        workload = processes.start("workload", Launch(run, folder, folder / "workload.log"), core)
        document = mesh / ".hauberk" / "proxies" / f"sidecar.default.{_SERVICE}" / "bootstrap.json"
        _wait_for(lambda: document.exists() and _is_answered(document), "the sidecar", folder / "workload.log")
        time.sleep(_REST_SECONDS)
        pids = _sidecar(workload.family(), str(document))
        doubt = contestant.doubt(pids)
        if doubt is not None:
            raise BenchError(doubt)
        workers = [pid for pid in pids if contestant.is_worker(machine.command_line(pid))]
        total, worker = machine.memory_of(pids), machine.memory_of(workers)
    values = {
        figures.TOTAL_PSS.key: total.pss / _MEBIBYTE,
        figures.TOTAL_RSS.key: total.rss / _MEBIBYTE,
        figures.WORKER_PSS.key: worker.pss / _MEBIBYTE,
        figures.AGENT_PSS.key: (total.pss - worker.pss) / _MEBIBYTE,
    }
    return Round(SIDECAR, contestant.name, number, values)


def _sidecar(family: list[int], document: str) -> list[int]:
    """The agent, who was started with `document`, and its descendants."""
    agents = [pid for pid in family if machine.command_line(pid)[-1:] == [document]]
    if len(agents) != 1:
        raise BenchError(f"{len(agents)} processes were started with {document}, where one sidecar's agent belongs")
    return machine.family(agents[0])


def _is_answered(document: Path) -> bool:
    """Ask the workload through the sidecar's outbound side, which leads to its own inbound side."""
    bootstrap: dict[str, Any] = json.loads(document.read_text())
    connection = http.client.HTTPConnection("127.0.0.1", bootstrap["node"]["http_proxy_port"], timeout=5.0)
    try:
        connection.request("GET", f"http://{_SERVICE}:{_PORT}/details/0")
        response = connection.getresponse()
        response.read()
        return response.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_for(condition: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} is not there after {_START_SECONDS:.0f} s: {log.read_text(errors='replace')[-1000:]}")
        time.sleep(_LOOK_SECONDS)
