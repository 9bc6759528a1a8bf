"""The agent and the script together: real processes, a real network namespace, and an API server of the test's own."""

import contextlib
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from laptop_mesh import wait_until
from network_namespaces import Machine, Network, why_impossible

from hauberk_core.pod import CAPTURE_ANNOTATION

TOKEN: Final = "of-the-agent"
UID: Final = "0123abcd-0000-4000-8000-00000000000f"
RESULT: Final = {"cniVersion": "0.4.0", "ips": [{"address": "10.244.0.9/24"}], "dns": {"odd": 'a "}" in \\ a text'}}
CHAIN: Final = {"cniVersion": "0.4.0", "name": "net", "plugins": [{"type": "ptp"}]}
PATIENCE: Final = 60.0


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Knows the objects that the test names; pods come in two pages, of which the first is empty."""

    objects: Final[dict[str, dict[str, Any]]] = {}
    down: Final = threading.Event()

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        path, _, query = self.path.partition("?")
        found = self.objects.get(path)
        if path == "/api/v1/pods":
            assert "fieldSelector=spec.nodeName%3Dnode0" in query
            found = self.page("continue=" in query)
        body = json.dumps(found or {"kind": "Status"}).encode()
        self.send_response(503 if self.down.is_set() else 200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self, second: bool) -> dict[str, Any]:
        pods = [found for path, found in self.objects.items() if "/pods/" in path]
        return {"metadata": {}, "items": pods} if second else {"metadata": {"continue": "more"}, "items": []}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class Node:
    """A node's folders, the agent at work, and the runtime that starts a pod."""

    def __init__(self, folder: Path, port: int, authority: trustme.CA) -> None:
        self.chain: Final = folder / "net.d" / "10-net.conflist"
        self.script: Final = folder / "bin" / "hauberk-cni"
        self.run: Final = folder / "run"
        self.proc: Final = folder / "proc"
        self.proc.mkdir()
        self.log: Final = folder / "agent.log"
        for path in (self.chain, self.script):
            path.parent.mkdir()
        self.chain.write_text(json.dumps(CHAIN))
        account = folder / "account"
        account.mkdir()
        (account / "token").write_text(TOKEN)
        authority.cert_pem.write_to_path(str(account / "ca.crt"))
        # The account's folder has one place in a pod; here it is the test's.
        program = f"""
import pathlib, sys
import hauberk_sidecar.cni.__main__ as program
from hauberk_sidecar.cni.api_server import ApiServer
program.ApiServer = lambda: ApiServer(folder=pathlib.Path({str(account)!r}))
sys.exit(program.main(sys.argv[1:]))
"""
        folders = ("--configuration", self.chain.parent, "--programs", self.script.parent, "--run", self.run, "--proc", self.proc)
        self._command: Final = [sys.executable, "-c", program, *[str(word) for word in folders]]
        self._environment: Final = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(port),
            "NODE_NAME": "node0",
            "POD_NAMESPACE": "kube-system",
        }

    @contextlib.contextmanager
    def agent(self) -> Iterator["subprocess.Popen[bytes]"]:
        with self.log.open("w") as output:
            process = subprocess.Popen(self._command, env=self._environment, stdout=output, stderr=output)
            try:
                wait_until(lambda: "ready: " in self.log.read_text(), "the agent", PATIENCE)
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0, self.log.read_text()

    def process(self, number: int, uid: str, network: str, started: int) -> None:
        """A process of a pod, as the node's /proc shows it."""
        folder = self.proc / str(number)
        (folder / "ns").mkdir(parents=True)
        (folder / "ns" / "net").symlink_to(network)
        (folder / "cgroup").write_text(f"4:memory:/\n0::/kubepods/burstable/pod{uid}/c0ffee\n")
        (folder / "stat").write_text(f"{number} (a) b (c)) S {'0 ' * 18}{started} 0\n")

    def call(self, command: str, namespace: str = "shop", network: str = "/run/netns/none", uid: str = UID) -> tuple[int, str]:
        """What the runtime gets from the script: its exit status, and what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": "c0ffee",
            "CNI_IFNAME": "eth0",
            "CNI_NETNS": network,
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME=web;K8S_POD_UID={uid}",
        }
        given = {
            "cniVersion": "0.4.0",
            "name": 'of "prevResult": {',
            "odd": ["prevResult", {}],
            "prevResult": RESULT,
            "type": "x",
        }
        ended = subprocess.run(
            [str(self.script)],
            input=json.dumps(given),
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.stderr == ""
        return ended.returncode, ended.stdout


def pod(annotations: dict[str, str]) -> None:
    """The API server's pod shop/web."""
    metadata = {"namespace": "shop", "name": "web", "uid": UID, "annotations": annotations}
    ApiServer.objects["/api/v1/namespaces/shop/pods/web"] = {"metadata": metadata, "status": {"phase": "Pending"}}


def daemon_set(**metadata: str) -> None:
    """The agent's own."""
    ApiServer.objects["/apis/apps/v1/namespaces/kube-system/daemonsets/hauberk-cni"] = {"metadata": metadata}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    reason = why_impossible()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        yield network.machine("pod")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Node(tmp_path, server.server_address[1], authority)
        finally:
            server.shutdown()
            thread.join()
            ApiServer.objects.clear()
            ApiServer.down.clear()


def rules(machine: Machine) -> str:
    return machine.run(["nft", "list", "ruleset"]).stdout


def test_a_pod_that_asks_for_capture_gets_it_and_the_result_is_handed_on(node: Node, machine: Machine) -> None:
    pod({CAPTURE_ANNOTATION: json.dumps(["--exclude-inbound-ports", "9099"])})
    with node.agent():
        status, printed = node.call("ADD", network=f"/run/netns/{machine.name}")
        assert (status, json.loads(printed)) == (0, RESULT)
        assert "9099" in rules(machine)
        assert list(node.run.glob("*/*")) == [], "nothing is left of the request"


def test_a_pod_that_does_not_ask_is_left_alone(node: Node) -> None:
    pod({})
    with node.agent():
        status, printed = node.call("ADD")
        assert (status, json.loads(printed)) == (0, RESULT)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("all", "is no JSON list of texts"),
        ('["--exclude-inbound-ports", "many"]', "'many' is no port"),
        ('["--no-such-thing"]', "unrecognized arguments"),
    ],
)
def test_a_pod_does_not_start_without_the_capture_it_asks_for(node: Node, machine: Machine, annotation: str, said: str) -> None:
    pod({CAPTURE_ANNOTATION: annotation})
    with node.agent():
        status, printed = node.call("ADD", network=f"/run/netns/{machine.name}")
    assert status == 1
    assert said in json.loads(printed)["msg"]


def test_a_network_namespace_that_is_gone_is_told(node: Node) -> None:
    pod({CAPTURE_ANNOTATION: "[]"})
    with node.agent():
        status, printed = node.call("ADD", network="/run/netns/none")
    assert status == 1
    assert "/run/netns/none" in json.loads(printed)["msg"]


def test_a_pod_waits_while_the_api_server_is_away(node: Node) -> None:
    pod({})
    ApiServer.down.set()
    with node.agent():
        threading.Timer(1.0, ApiServer.down.clear).start()
        assert node.call("ADD")[0] == 0


def test_a_pod_waits_for_an_agent_that_starts(node: Node) -> None:
    pod({})
    with node.agent():
        pass
    asked = threading.Thread(target=lambda: ended.append(node.call("ADD")[0]))
    ended: list[int] = []
    asked.start()
    with node.agent():
        asked.join(PATIENCE)
    assert ended == [0]


def test_pods_that_the_agent_depends_on_do_not_wait_for_it(node: Node) -> None:
    with node.agent():
        pass
    for namespace in ("kube-system", "hauberk-system"):
        status, printed = node.call("ADD", namespace=namespace)
        assert (status, json.loads(printed)) == (0, RESULT)
    assert node.call("DEL") == (0, "")
    assert node.call("CHECK") == (0, "")
    assert "0.4.0" in json.loads(node.call("VERSION")[1])["supportedVersions"]


def test_the_link_is_kept_in_the_chain_and_goes_with_the_agent(node: Node) -> None:
    def linked() -> bool:
        return '"hauberk-cni"' in node.chain.read_text()

    with node.agent():
        assert linked()
        node.chain.write_text("")
        node.chain.write_text(json.dumps(CHAIN | {"name": "anew"}))
        wait_until(linked, "the link in the new chain", PATIENCE)
    assert json.loads(node.chain.read_text()) == CHAIN | {"name": "anew"}


@pytest.mark.parametrize(("metadata", "stays"), [({}, True), ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, False)])
def test_the_link_stays_for_the_next_agent_and_goes_with_the_last(node: Node, metadata: dict[str, str], stays: bool) -> None:
    daemon_set(**metadata)
    with node.agent():
        wait_until((node.run / "ready").exists, "the agent's word that the next pod is looked after", PATIENCE)
    assert ("hauberk-cni" in node.chain.read_text()) == stays
    assert not (node.run / "ready").exists()


def test_without_a_word_of_the_api_server_the_link_stays(node: Node) -> None:
    with node.agent():
        ApiServer.down.set()
    assert "hauberk-cni" in node.chain.read_text()
    assert "it is not known whether an agent follows this one" in node.log.read_text()


def test_a_pod_that_started_without_the_link_is_repaired(node: Node, machine: Machine) -> None:
    machine.run(["nft", "flush", "ruleset"])
    pod({CAPTURE_ANNOTATION: json.dumps(["--exclude-inbound-ports", "9098"])})
    node.process(1000, UID, f"/run/netns/{machine.name}", started=5)
    node.process(999, UID, "/proc/self/ns/net", started=6)
    with node.agent():
        wait_until(lambda: "9098" in rules(machine), "the rules of a pod that had none", PATIENCE)
        wait_until(lambda: "capture is repaired in pod shop/web" in node.log.read_text(), "a word of it", PATIENCE)


def test_a_pod_that_cannot_be_repaired_is_told(node: Node) -> None:
    pod({CAPTURE_ANNOTATION: "all"})
    node.process(1000, UID, "/proc/self/ns/net", started=5)
    with node.agent():
        wait_until(lambda: "capture is not repaired in pod shop/web" in node.log.read_text(), "a word of it", PATIENCE)


def test_outside_of_a_cluster_it_says_so() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hauberk_sidecar.cni"],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    assert "belongs into a pod" in ended.stderr
