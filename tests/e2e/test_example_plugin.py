"""Strangers' packages, installed beside hauberk, in a running proxy: plain or compiled, whichever build is under test.

One is what `hauberk plugin new` writes, the other an example.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from bookshop_mesh import documents, gateway
from laptop_mesh import running_mesh, wait_until
from stranger import environment, install

pytestmark = pytest.mark.e2e

# Generous, because many tests may run at once; nothing waits for so long unless it hangs.
DEADLINE_SECONDS: Final = 60.0
EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "example-ask"

PLUGINS: Final = ("example-teams", "example-ask")


class Books(BaseHTTPRequestHandler):
    """Says who it was told is asking."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers.get('x-admitted-team')} {self.headers.get('x-user')}".encode()
        self._send(200, body)

    def _send(self, status: int, body: bytes, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Whoever waits too long for some of these answers is gone by then.
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class Allowing(Books):
    """Knows one person; everybody else has no name, and `/slow` is thought about until nobody waits for it any more."""

    over = threading.Event()

    def do_GET(self) -> None:
        path = self.headers.get("x-original-path", "")
        if path == "/slow":
            self.over.wait(DEADLINE_SECONDS)
        if path == "/closed":
            self._send(401, b"who are you?\n")
        else:
            self._send(200, b"", ("X-User", "mina"))


@contextlib.contextmanager
def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with this one's packages, and both plugins installed from folders beside it."""
    folder = tmp_path_factory.mktemp("stranger")
    executable = environment(folder)
    made = hauberk(executable, "plugin", "new", "example-teams", "--dir", str(folder))
    assert made.returncode == 0, made.stderr
    # The checkout may be read-only, or shared with others who build.
    shutil.copytree(EXAMPLE, folder / EXAMPLE.name)
    for name in PLUGINS:
        install(executable, folder / name)
    return executable


def hauberk(python: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(python), "-m", "hauberk_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        env=os.environ | environment,
    )


def listed(python: Path, **environment: str) -> dict[str, dict[str, Any]]:
    found = json.loads(hauberk(python, "plugin", "list", "-o", "json", **environment).stdout)
    return {plugin["name"]: plugin for plugin in found["plugins"]}


class Proxy:
    """A running `hauberk proxy --config`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process: Final = process
        self.log: Final[list[str]] = []
        self._changed: Final = threading.Condition()
        self._reader: Final = threading.Thread(target=self._read)
        self._reader.start()
        self.port: Final = int(self.wait_log("listener web listens on 127.0.0.1:").rpartition(":")[2])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_log(self, text: str) -> str:
        """Wait for a line of the log that has `text`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        with self._changed:
            while True:
                for line in self.log:
                    if text in line:
                        return line
                if not self._reader.is_alive() or not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no line with {text!r} in the log:\n{''.join(self.log)}")

    def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Returns: status, body, and the reason if the answer is the proxy's own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.read().decode(), response.getheader("hauberk-reason", "")

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE_SECONDS)
        self._reader.join()


def configuration(books: int, plugins: list[dict[str, Any]]) -> str:
    chain = {"route_table": "all", "plugins": plugins}
    routes = [{"name": "all", "backends": [{"cluster": "books"}]}]
    return json.dumps(
        {
            "listeners": {"web": {"address": "127.0.0.1:0", "filter_chains": [chain]}},
            "route_tables": {"all": {"virtual_hosts": [{"name": "all", "hosts": ["*"], "routes": routes}]}},
            "clusters": {"books": {"endpoints": [{"address": f"127.0.0.1:{books}"}]}},
            "access_log": None,
        }
    )


@contextlib.contextmanager
def proxy(python: Path, config: Path) -> Iterator[Proxy]:
    command = [str(python), "-m", "hauberk_cli", "proxy", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        running = None
        try:
            running = Proxy(process)
            yield running
        finally:
            if running is None:
                process.kill()
            else:
                running.close()


def test_the_package_is_listed_and_can_be_switched_off(python: Path) -> None:
    plugins = listed(python)
    teams = plugins["example-teams"]
    assert (teams["state"], teams["api"], teams["package"]) == ("on", "1", "example-teams")
    assert teams["version"] == "0.1.0"
    assert plugins["example-ask"]["hooks"] == ["hauberk_request_filter"]
    plugins = listed(python, HAUBERK_PLUGINS_OFF="example-teams")
    assert (plugins["example-teams"]["state"], plugins["example-ask"]["state"]) == ("off", "on")
    text = hauberk(python, "plugin", "list").stdout
    assert "example-ask" in text
    assert "example-ask 1.0.0" in text


@pytest.mark.parametrize("plugin", PLUGINS)
def test_their_own_tests_pass(python: Path, plugin: str) -> None:
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    ended = subprocess.run(
        command, cwd=python.parents[1] / plugin, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_configuration_is_held_against_the_installed_plugins(python: Path, tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(configuration(9, [{"plugin": "example-teams", "config": {"teams": ["blue"]}}]))
    assert hauberk(python, "config", "check", str(file)).returncode == 0
    off = hauberk(python, "config", "check", str(file), HAUBERK_PLUGINS_OFF="*")
    assert off.returncode == 1
    assert "the plugin 'example-teams' is switched off" in off.stdout
    file.write_text(configuration(9, [{"plugin": "exmaple-teams"}, {"plugin": "example-teams", "config": {"teams": 7}}]))
    wrong = hauberk(python, "config", "check", str(file))
    assert wrong.returncode == 1
    assert "did you mean 'example-teams'?" in wrong.stdout
    assert "Expected `array`, got `int` - at `$.teams`" in wrong.stdout


def test_both_filters_serve_and_a_change_they_refuse_does_not(python: Path, tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    with serve(Books) as books, serve(Allowing) as allowing, contextlib.ExitStack() as stack:
        asked = {"url": f"http://127.0.0.1:{allowing}/allowed", "seconds": 10}
        asking = {"plugin": "example-ask", "phase": "authz", "priority": 1, "config": asked}
        hasty = {**asking, "config": {**asked, "seconds": 0.3}}
        teams = {"plugin": "example-teams", "phase": "authz", "config": {"teams": ["blue"]}}
        file.write_text(configuration(books, [asking, teams]))
        stack.callback(Allowing.over.set)
        with proxy(python, file) as running:
            assert running.get("/", X_Team="red") == (403, "this service is not open to your team\n", "plugin_answered")
            assert running.get("/", X_Team="blue") == (200, "blue mina", "")
            assert running.get("/closed", X_Team="blue") == (401, "who are you?\n", "plugin_answered")
            file.write_text(configuration(books, [hasty, teams]))
            running.wait_log("configuration 2 is in force")
            status, _, reason = running.get("/slow", X_Team="blue")
            assert (status, reason) == (503, "plugin_failed")
            running.wait_log("plugin example-ask failed in request")
            file.write_text(configuration(books, [asking, teams]))
            running.wait_log("configuration 3 is in force")
            file.write_text(configuration(books, [{**teams, "config": {"teams": []}}]))
            running.wait_log("the plugin example-teams refuses it: teams: an empty list would let nobody in")
            assert running.get("/", X_Team="blue") == (200, "blue mina", "")
            file.write_text(configuration(books, [{**hasty, "failure": "open"}]))
            running.wait_log("configuration 4 is in force")
            assert running.get("/slow", X_Team="red") == (200, "None None", "")
            file.write_text(configuration(books, []))
            running.wait_log("configuration 5 is in force")
            assert running.get("/closed") == (200, "None None", "")


MOVED: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: moved}
spec:
  parentRefs: [{name: bookshop}]
  rules:
  - filters:
    - type: RequestRedirect
      requestRedirect: {hostname: elsewhere.test}
"""
ACCESS: Final = """\
apiVersion: example-teams.example.com/v1
kind: ExampleTeams
metadata: {name: front-door}
spec:
  gateway: bookshop
  teams: [blue]
"""


def test_a_resource_of_its_kind_configures_a_gateway(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "door.yaml").write_text(documents(gateway(), MOVED))
    access = folder / "access.yaml"
    access.write_text(ACCESS)
    with running_mesh(folder, python=str(python)) as mesh:
        wait_until(lambda: mesh.get("/", x_team="blue").status == 302, "the gateway")
        assert mesh.get("/", x_team="red") == (403, "this service is not open to your team\n")
        told = json.loads(mesh.hauberk("status", "-o", "json").stdout)
        [row] = [row for row in told["conditions"] if row["kind"] == "ExampleTeams"]
        assert (row["type"], row["status"]) == ("Accepted", "True")
        access.write_text(ACCESS.replace("blue", "red"))
        wait_until(lambda: mesh.get("/", x_team="red").status == 302, "the other team")
        access.write_text(ACCESS.replace("bookshop", "bokshop"))
        wait_until(lambda: mesh.get("/").status == 302, "nobody is kept out any more")
        wait_until(lambda: mesh.hauberk("status").returncode == 1, "a status that tells of the mistake")
        assert "there is no Gateway default/bokshop (line 5, spec.gateway)" in mesh.hauberk("status").stderr
        access.write_text(ACCESS.replace(" teams:", " team:"))
        wait_until(lambda: "did you mean 'teams'?" in mesh.hauberk("status").stderr, "the mistake with its hint")
