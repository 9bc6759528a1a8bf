"""A stranger's plugin that blocks a real worker's loop is named in the log, and counted."""

import http.client
import re
import urllib.request
from pathlib import Path
from typing import Final

import pytest
from live_proxy import PATIENCE, JsonObject, forward_to, live_proxy, wait_until
from origin import origin
from programs import free_port

pytestmark = pytest.mark.e2e

PLUGIN: Final = """
import time

from hauberk_core.plugin.data import AsyncFilter, Exchange, Reply, Services, SyncFilter, hookimpl

HAUBERK_API = "1"


class Dozing(SyncFilter):
    def request(self, exchange: Exchange) -> Reply | None:
        time.sleep(0.5)
        return None


class DozingInATask(AsyncFilter):
    async def request(self, exchange: Exchange) -> Reply | None:
        time.sleep(0.5)
        return None


@hookimpl
def hauberk_request_filter(config: dict, services: Services) -> object:
    return DozingInATask() if config.get("task") else Dozing()
"""


def install(folder: Path) -> None:
    """Lay the package out as an installer would."""
    (folder / "dozing.py").write_text(PLUGIN)
    about = folder / "dozing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dozing\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hauberk.data]\ndozing = dozing\n")


def blocked(admin: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats/prometheus", timeout=PATIENCE) as page:
        found = re.search(r'^hauberk_loop_blocked_total\{plugin="dozing"\} (\S+)$', page.read().decode(), re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("task", [False, True], ids=["in the loop", "in a task"])
def test_plugin_that_blocks_is_named(tmp_path: Path, task: bool) -> None:
    install(tmp_path)
    admin = free_port()
    use: JsonObject = {"plugin": "dozing", "config": {"task": task}}
    environment = {"PYTHONPATH": str(tmp_path)}
    with origin() as books:
        snapshot = forward_to(books.port, chain={"plugins": [use]})
        with live_proxy(snapshot, options=("--admin", f"127.0.0.1:{admin}"), environment=environment) as proxy:
            assert ask(proxy.port) == 200
            # A machine that gave the watchdog no turn in time has not seen it; sooner or later it does.
            wait_until(lambda: ask(proxy.port) == 200 and blocked(admin) > 0, proxy.log)
            who = r"plugin dozing has" if task else r"plugin dozing in request has"
            assert re.search(who + r" held up the loop for \d+ ms", proxy.log())
            assert "time.sleep(0.5)" in proxy.log()
