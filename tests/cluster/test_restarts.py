"""Whatever is restarted under load, no request fails: the gateway, every backend, control."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kubectl
import pytest
from cluster_shop import DEPLOYMENTS, gateway_address, wait_rolled_out
from helm_release import release
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


@contextlib.contextmanager
def load(namespace: str, host: str, path: str = "/productpage", threads: int = 4) -> Iterator[None]:
    """Requests from a pod outside of the mesh, through the gateway, until the end of the block; all must be answered with 200."""
    command = ["python", "-c", LOAD, host, path, str(threads)]
    words = ["kubectl", "exec", "-i", "-n", namespace, "client", "-c", "client", "--", *command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        try:
            yield
        finally:
            out, _ = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    assert set(told["counts"]) == {"200"}, told
    assert told["counts"]["200"] > 20


def _restart(namespace: str, *deployments: str) -> None:
    for name in deployments:
        done = kubectl.kubectl("rollout", "restart", f"deployment/{name}", "-n", namespace)
        assert done.code == 0, done.err
    wait_rolled_out(namespace, deployments)
    # The rollout is over when the new pods are ready; the old ones are still ending.
    wait_until(lambda: not _ending(namespace), "the end of old pods", PATIENCE)


def _ending(namespace: str) -> str:
    """When pods that are to end were told so."""
    return kubectl.kubectl("get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.deletionTimestamp}").out


def test_the_gateway_is_restarted_under_load(shop: str, outside: str) -> None:
    with load(outside, gateway_address(shop)):
        _restart(shop, "bookshop-hauberk")


def test_every_backend_is_restarted_under_load(shop: str, outside: str) -> None:
    with load(outside, gateway_address(shop)):
        _restart(shop, *DEPLOYMENTS)


def test_control_is_upgraded_scaled_and_killed_under_load(installed: str, shop: str, outside: str, repository: Path) -> None:
    with load(outside, gateway_address(shop)):
        try:
            more = release(repository, "control.replicas=2", "control.podAnnotations.generation=second")
            assert more.code == 0, more.err
            words = ("get", "pods", "-n", installed, "-l", "app=hauberk-control", "-o", "name")
            pods = kubectl.kubectl(*words).out.split()
            assert len(pods) >= 2
            killed = ("--grace-period=0", "--force", "--ignore-not-found")
            assert kubectl.kubectl("delete", "-n", installed, *killed, *pods).code == 0
            wait_rolled_out(installed, ["hauberk-control"])
        finally:
            back = release(repository)
        assert back.code == 0, back.err
        # Whoever is made now is injected and told by the one that is left.
        _restart(shop, "productpage-v1")
