"""Commands that ask a cluster's control, with a kubectl of the tests' own, whose pods are folders."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli.exit_codes import CHECK_FAILED, NOT_STARTED, OK, USAGE
from hauberk_cli.main import main
from hauberk_cli.mesh import look, wait
from hauberk_control.local.messages import AbsentProxy, ObjectRow, Objects, Progress, Proxies, ProxyRow, Status

KUBECTL = """#!{python}
import json, os, subprocess, sys
words = sys.argv[1:]
if words[:2] == ["get", "pods"]:
    assert "app=hauberk-control,hauberk.dev/rev=default" in words, words
    pods = json.load(open({pods!r}))
    print(json.dumps({{"items": [{{"metadata": {{"name": pod, "namespace": "mesh"}}}} for pod in pods]}}))
elif words[:2] == ["get", "lease"]:
    print("b", end="")
elif words[0] == "exec":
    pod, command = words[4], words[words.index("--") + 1 :]
    assert command == ["python", "-m", "hauberk_control.local"], command
    os.environ["HAUBERK_MESH"] = os.path.join({home!r}, pod)
    sys.exit(subprocess.call([{python!r}, *command[1:]]))
else:
    sys.exit(f"no such command: {{words}}")
"""


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of pods that there are; the one called b leads."""
    programs = tmp_path / "bin"
    programs.mkdir()
    listed = tmp_path / "pods.json"
    listed.write_text(json.dumps(["a", "b"]))
    kubectl = programs / "kubectl"
    kubectl.write_text(KUBECTL.format(python=sys.executable, home=str(tmp_path), pods=str(listed)))
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    # For every question several interpreters start.
    for module, name in ((look, "_ANSWER_SECONDS"), (wait, "_ANSWER_SECONDS"), (wait, "_FIRST_LOOK_AT_CLUSTER_SECONDS")):
        monkeypatch.setattr(module, name, 120.0)
    return listed


def progress(*proxies: ProxyRow, absent: tuple[str, ...] = ()) -> Progress:
    missing = [AbsentProxy(role="gateway", name=name) for name in absent]
    return Progress(unread=[], problems=[], absent=missing, proxies=list(proxies))


EDGE, INNER = proxy_row("default/edge", role="gateway"), proxy_row("default/inner", role="gateway")
A = FakeControl(
    Status(conditions=[], problems=["a does not lead"]),
    Proxies(proxies=[proxy_row("reviews"), EDGE]),
    progress=[progress(EDGE, absent=("default/inner",)), progress(EDGE)],
    objects=Objects(objects=[]),
)
B = FakeControl(
    Status(conditions=[], problems=[]),
    Proxies(proxies=[INNER]),
    progress=[progress(INNER, absent=("default/edge", "default/lost")), progress(INNER)],
    objects=Objects(objects=[ObjectRow(kind="HTTPRoute", namespace="shop", name="reviews", place="resourceVersion 7")]),
)


@pytest.fixture
def replicas(pods: Path) -> Iterator[None]:
    with ExitStack() as stack:
        for name, control in (("a", A), ("b", B)):
            stack.enter_context(serving(pods.parent / name, control))
        yield


@pytest.mark.usefixtures("replicas")
def test_every_replicas_proxies_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxies", "--kubernetes", "-o", "json"]) == OK
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["proxies"]] == ["default/edge", "default/inner", "reviews"]


@pytest.mark.usefixtures("replicas")
def test_of_all_else_the_one_that_leads_tells() -> None:
    assert main(["status", "--kubernetes"]) == OK


@pytest.mark.usefixtures("replicas")
def test_a_proxy_is_missed_only_where_no_replica_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wait", "--kubernetes", "httproute/shop/reviews", "--timeout", "60"]) == OK
    assert "default/edge, default/inner" in capsys.readouterr().out


@pytest.mark.usefixtures("replicas")
def test_a_missing_object_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wait", "--kubernetes", "httproute/shop/ratings", "--timeout", "0"]) == CHECK_FAILED
    assert "httproute/shop/ratings: there is no such object" in capsys.readouterr().err


def test_what_kubectl_says_is_told_without_its_log(pods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kubectl = pods.parent / "bin" / "kubectl"
    kubectl.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('E1124 02:40:54.07 1 memcache.go:265] failed\\nno server')\n")
    assert main(["proxies", "--kubernetes"]) == NOT_STARTED
    assert "error: kubectl says: no server\n" in capsys.readouterr().err


def test_a_pod_that_cannot_be_asked_is_named(pods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pods.write_text(json.dumps(["a"]))
    assert main(["proxies", "--kubernetes"]) == NOT_STARTED
    said = capsys.readouterr().err
    assert "a: control cannot be asked here" in said
    assert "hauberk check" in said


def test_a_cluster_without_control_is_told(pods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pods.write_text("[]")
    assert main(["status", "--kubernetes"]) == NOT_STARTED
    assert "no pod of a control of revision default runs in this cluster" in capsys.readouterr().err


def test_kubectls_own_words_are_told(pods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pods.parent / "bin" / "kubectl").write_text("#!/bin/sh\necho 'the server is on holiday' >&2\nexit 1\n")
    assert main(["status", "--kubernetes"]) == NOT_STARTED
    assert "kubectl says: the server is on holiday" in capsys.readouterr().err


def test_without_kubectl_it_says_so(pods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pods.parent / "bin" / "kubectl").unlink()
    assert main(["status", "--kubernetes"]) == NOT_STARTED
    assert "kubectl cannot be run" in capsys.readouterr().err


def test_who_looks_at_a_mesh_loads_nothing_that_runs_one() -> None:
    heavy = ("kubernetes", "grpc", "cryptography", "prometheus_client")
    program = f"import sys, hauberk_cli.mesh.look; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_one_mesh_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--kubernetes", "--mesh", str(tmp_path)]) == USAGE
    assert main(["wait", "--kubernetes", "--file", "x.yaml"]) == USAGE
    assert "name the objects" in capsys.readouterr().err
