"""A stranger's plugin that blocks a real worker's loop is named in the log, and counted."""

import http.client
import re
from pathlib import Path
from typing import Final

import pytest
from admin_metric import metric
from dozing_plugin import install_dozing
from live_proxy import PATIENCE, JsonObject, forward_to, live_proxy, wait_until
from origin import origin
from programs import free_port

pytestmark = pytest.mark.e2e

BLOCKED: Final = 'hauberk_loop_blocked_total{plugin="dozing"}'


def ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("task", [False, True], ids=["in the loop", "in a task"])
def test_plugin_that_blocks_is_named(tmp_path: Path, task: bool) -> None:
    install_dozing(tmp_path)
    admin = free_port()
    use: JsonObject = {"plugin": "dozing", "config": {"seconds": 0.5, "task": task}}
    environment = {"PYTHONPATH": str(tmp_path)}
    with origin() as books:
        snapshot = forward_to(books.port, chain={"plugins": [use]})
        with live_proxy(snapshot, options=("--admin", f"127.0.0.1:{admin}"), environment=environment) as proxy:
            assert ask(proxy.port) == 200
            who = re.compile(rf"plugin dozing {'' if task else 'in request '}has held up the loop for \d+ ms")
            # A machine that gave the watchdog no turn in time has not seen it; sooner or later it does, counts, and tells.
            wait_until(lambda: ask(proxy.port) == 200 and metric(admin, BLOCKED) > 0 and bool(who.search(proxy.log())), proxy.log)
            proxy.wait_logged("time.sleep(self._seconds)")
