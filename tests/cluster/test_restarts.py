"""Whatever is restarted under load, no request fails: the gateway, every backend, control."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kubectl
import pytest
from cluster_shop import DEPLOYMENTS, gateway_address, made_shop, wait_rolled_out
from laptop_mesh import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PATIENCE: Final = 240.0
# Asks without a pause, over connections that are kept and made anew by turns, until its standard input ends; then tells the count
# of answers by status, and what went wrong.
LOAD: Final = """
import collections, http.client, json, sys, threading
host, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
over, counts, wrong = threading.Event(), collections.Counter(), []
def ask(number):
    connection, done = None, 0
    while not over.is_set():
        try:
            if connection is None or done % 20 == number:
                connection = http.client.HTTPConnection(host, 80, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            counts[answer.status] += 1
            if answer.status != 200:
                wrong.append((answer.status, dict(answer.headers), body.decode(errors="replace")[:300]))
            if answer.getheader("connection", "").lower() == "close":
                connection = None
        except Exception as error:
            counts[type(error).__name__] += 1
            wrong.append((repr(error), done))
            connection = None
        done += 1
workers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
[worker.start() for worker in workers]
print("asking", flush=True)
sys.stdin.read()
over.set()
[worker.join() for worker in workers]
print(json.dumps({"counts": counts, "wrong": wrong[:5]}))
"""


class Load:
    """Requests from a pod outside of the mesh, through the gateway."""

    def __init__(self, namespace: str, host: str, path: str, threads: int = 4) -> None:
        words = [
            "kubectl",
            "exec",
            "-i",
            "-n",
            namespace,
            "client",
            "-c",
            "client",
            "--",
            "python",
            "-c",
            LOAD,
            host,
            path,
            str(threads),
        ]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "asking\n"

    def finish(self) -> dict[str, int]:
        """Stop. Returns: how many answers had which status; fails with what went wrong."""
        out, _ = self._process.communicate(timeout=PATIENCE)
        told = json.loads(out)
        assert set(told["counts"]) == {"200"}, told
        counts: dict[str, int] = told["counts"]
        return counts


@pytest.fixture(scope="module")
def shop(installed: str, repository: Path) -> Iterator[str]:
    with made_shop(repository) as namespace:
        done = kubectl.kubectl("wait", "gateway/bookshop", "-n", namespace, "--for=condition=Programmed", "--timeout=120s")
        assert done.code == 0, done.err
        yield namespace


def _restart(namespace: str, *deployments: str) -> None:
    for name in deployments:
        done = kubectl.kubectl("rollout", "restart", f"deployment/{name}", "-n", namespace)
        assert done.code == 0, done.err
    wait_rolled_out(namespace, deployments)
    # The rollout is over when the new pods are ready; the old ones are still ending.
    wait_until(lambda: "Terminating" not in kubectl.kubectl("get", "pods", "-n", namespace).out, "the end of old pods", PATIENCE)


def test_the_gateway_is_restarted_under_load(shop: str, outside: str) -> None:
    load = Load(outside, gateway_address(shop), "/productpage")
    _restart(shop, "bookshop-hauberk")
    assert load.finish()["200"] > 20


def test_every_backend_is_restarted_under_load(shop: str, outside: str) -> None:
    load = Load(outside, gateway_address(shop), "/productpage")
    _restart(shop, *DEPLOYMENTS)
    assert load.finish()["200"] > 20


def test_control_is_restarted_and_scaled_under_load(installed: str, shop: str, outside: str) -> None:
    load = Load(outside, gateway_address(shop), "/productpage")
    try:
        assert kubectl.kubectl("scale", "deployment/hauberk-control", "-n", installed, "--replicas=2").code == 0
        wait_rolled_out(installed, ["hauberk-control"])
        _restart(installed, "hauberk-control")
        pods = kubectl.kubectl("get", "pods", "-n", installed, "-l", "app=hauberk-control", "-o", "name").out.split()
        assert kubectl.kubectl("delete", "-n", installed, "--grace-period=0", "--force", *pods).code == 0
        wait_rolled_out(installed, ["hauberk-control"])
    finally:
        kubectl.kubectl("scale", "deployment/hauberk-control", "-n", installed, "--replicas=1")
    assert load.finish()["200"] > 20
