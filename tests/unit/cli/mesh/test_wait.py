"""`hauberk wait`: done, hopeless, or out of time, and what it then says."""

import json
import re
from pathlib import Path

import pytest
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli.exit_codes import CHECK_FAILED, NOT_STARTED, OK, USAGE
from hauberk_cli.main import main
from hauberk_cli.mesh import wait as wait_module
from hauberk_cli.mesh.wait import read_timeout
from hauberk_control.local.messages import (
    AbsentProxy,
    ConditionRow,
    FileProblem,
    ObjectRow,
    Objects,
    Progress,
    ProxyRow,
    RefusalRow,
    Status,
)

GATEWAY = proxy_row("default/front", role="gateway")
BEHIND = proxy_row("reviews", current=False, behind_seconds=12.0, version="v1")
REFUSING = proxy_row(
    "ratings", current=False, last_refusal=RefusalRow(version="v2", reason="port 80 is taken", seconds_ago=3.0, settled=False)
)
MISTAKE = FileProblem(file="deep/broken.yaml", text="deep/broken.yaml:3:5: backendRef: unknown field\n    write backendRefs")
REVIEWS = ObjectRow(kind="HTTPRoute", namespace="default", name="reviews", place="reviews.yaml:2:1")
# A limit that a test which means to succeed never reaches.
PATIENT = ("--timeout", "60")


def progress(
    *proxies: ProxyRow,
    unread: tuple[str, ...] = (),
    problems: tuple[FileProblem, ...] = (),
    absent: tuple[AbsentProxy, ...] = (),
) -> Progress:
    return Progress(unread=list(unread), problems=list(problems), absent=list(absent), proxies=list(proxies))


DONE = progress(GATEWAY, proxy_row("reviews"))


def condition(status: str, kind: str = "Accepted") -> Status:
    row = ConditionRow(
        kind="HTTPRoute",
        namespace="default",
        name="reviews",
        place=REVIEWS.place,
        type=kind,
        status=status,
        reason="BackendNotFound",
        message="there is no Service revews",
    )
    return Status(conditions=[row], problems=[])


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of resources, which is also where we are, on a machine that may be busy."""
    monkeypatch.chdir(tmp_path)
    for name in ("_FIRST_LOOK_SECONDS", "_ANSWER_SECONDS"):
        monkeypatch.setattr(wait_module, name, 60.0)
    return tmp_path


def test_what_is_in_force_already_is_done_at_once(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(progress=[DONE])):
        assert main(["wait", "--timeout", "0"]) == OK
    shown = capsys.readouterr()
    assert re.fullmatch(r"done after \d+\.\d s: default/front, default/reviews\n", shown.out)
    assert shown.err == ""


def test_it_waits_for_files_proxies_and_acknowledgements(mesh: Path) -> None:
    absent = AbsentProxy(role="sidecar", name="default/reviews")
    steps = [progress(GATEWAY, unread=("a.yaml",)), progress(GATEWAY, absent=(absent,)), progress(GATEWAY, BEHIND), DONE]
    control = FakeControl(progress=steps)
    with serving(mesh, control):
        assert main(["wait", *PATIENT]) == OK
    assert control.progress_left() == 1


@pytest.mark.parametrize(
    ("last", "lines", "next_step"),
    [
        (progress(GATEWAY, BEHIND), ["default/reviews: behind for 12 s, serves version v1"], "hauberk proxies"),
        (
            progress(REFUSING),
            ["default/ratings: refused version v2 3 s ago, and serves on as before: port 80 is taken"],
            "hauberk proxies",
        ),
        (
            progress(absent=(AbsentProxy(role="gateway", name="default/front"),)),
            ["default/front: the gateway is not connected"],
            "hauberk up DIR",
        ),
        (
            progress(absent=(AbsentProxy(role="sidecar", name="default/reviews"),)),
            ["default/reviews: the sidecar is not connected"],
            "hauberk run --help",
        ),
        (
            progress(GATEWAY, unread=("a.yaml", "b.yaml")),
            [f"{name}: control has not read it yet, or it keeps changing" for name in ("a.yaml", "b.yaml")],
            "hauberk status",
        ),
    ],
)
def test_out_of_time_it_names_what_lags_and_what_to_type(
    mesh: Path, capsys: pytest.CaptureFixture[str], last: Progress, lines: list[str], next_step: str
) -> None:
    with serving(mesh, FakeControl(progress=[last])):
        assert main(["wait", "--timeout", "0.1s"]) == CHECK_FAILED
    *told, error, following = capsys.readouterr().err.splitlines()
    assert told == lines
    assert re.fullmatch(r"error: not done after \d+\.\d s", error)
    assert following == f" next: {next_step}"


def test_a_mistake_in_a_file_is_told_at_once(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(progress=[progress(GATEWAY, problems=(MISTAKE,))])):
        assert main(["wait", *PATIENT]) == CHECK_FAILED
    told = capsys.readouterr().err
    assert told.startswith(f"{MISTAKE.text}\n")
    assert told.endswith(" next: correct deep/broken.yaml, then: hauberk wait\n")


@pytest.mark.parametrize(("file", "code"), [("deep", CHECK_FAILED), ("deep/broken.yaml", CHECK_FAILED), ("good.yaml", OK)])
def test_only_files_that_are_meant_count(mesh: Path, file: str, code: int) -> None:
    with serving(mesh, FakeControl(progress=[progress(GATEWAY, problems=(MISTAKE,))])):
        assert main(["wait", *PATIENT, "--file", file]) == code
    with serving(mesh, FakeControl(progress=[progress(GATEWAY, unread=("deep/broken.yaml",))])):
        assert main(["wait", "--timeout", "0", "--file", file]) == code


@pytest.mark.parametrize("name", ["HTTPRoute/reviews", "httproute/default/reviews"])
def test_an_object_has_to_be_there_and_accepted(mesh: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    there = Objects(objects=[REVIEWS])
    elsewhere = progress(GATEWAY, problems=(MISTAKE,))
    with serving(mesh, FakeControl(condition("True"), objects=there, progress=[elsewhere])):
        assert main(["wait", *PATIENT, name]) == OK
    with serving(mesh, FakeControl(condition("False"), objects=there, progress=[DONE])):
        assert main(["wait", *PATIENT, name]) == CHECK_FAILED
    told = capsys.readouterr().err
    assert told.startswith(f"{name}: Accepted=False: BackendNotFound: there is no Service revews\n")
    assert told.endswith(f" next: correct reviews.yaml, then: hauberk wait {name}\n")
    own = progress(GATEWAY, problems=(FileProblem(file="reviews.yaml", text="reviews.yaml:9:1: unknown field\n    remove it"),))
    with serving(mesh, FakeControl(condition("True"), objects=there, progress=[own])):
        assert main(["wait", *PATIENT, name]) == CHECK_FAILED
    assert "unknown field" in capsys.readouterr().err
    with serving(mesh, FakeControl(condition("False", "Programmed"), objects=there, progress=[DONE])):
        assert main(["wait", *PATIENT, name]) == OK


@pytest.mark.parametrize("name", ["HTTPRoute/ratings", "Gateway/reviews", "HTTPRoute/other/reviews"])
def test_an_object_that_is_not_there_is_waited_for(mesh: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(condition("True"), objects=Objects(objects=[REVIEWS]), progress=[DONE])):
        assert main(["wait", "--timeout", "0", name]) == CHECK_FAILED
    assert capsys.readouterr().err.startswith(f"{name}: there is no such object")


def test_at_a_terminal_it_says_once_what_it_waits_for(
    mesh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(wait_module, "_TELL_SECONDS", 0.0)
    with serving(mesh, FakeControl(progress=[progress(GATEWAY, BEHIND)] * 3 + [DONE])):
        assert main(["wait", *PATIENT]) == OK
    assert capsys.readouterr().err == "waiting for default/reviews: behind for 12 s, serves version v1\n"


def test_what_is_refused_is_named_and_does_not_keep_it(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(condition("False"), progress=[DONE])):
        assert main(["wait", *PATIENT]) == OK
        assert "HTTPRoute/default/reviews; hauberk status tells why\n" in capsys.readouterr().err
        assert main(["wait", *PATIENT, "--proxy", "front"]) == OK
        assert capsys.readouterr().err == ""


def test_a_name_that_is_misspelt_is_guessed(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(condition("True"), objects=Objects(objects=[REVIEWS]), progress=[DONE])):
        assert main(["wait", "--timeout", "0", "httproute/revews"]) == CHECK_FAILED
    assert capsys.readouterr().err.startswith("httproute/revews: there is no such object; did you mean HTTPRoute/reviews?\n")


def test_proxies_that_are_named_count_alone_and_must_be_there(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(progress=[progress(GATEWAY, BEHIND)])):
        assert main(["wait", *PATIENT, "--proxy", "front"]) == OK
        assert capsys.readouterr().out.endswith(" s: default/front\n")
        assert main(["wait", "--timeout", "0", "--proxy", "default/reviews"]) == CHECK_FAILED
        assert main(["wait", "--timeout", "0", "--proxy", "details"]) == CHECK_FAILED
    assert "details: no proxy of this name is connected" in capsys.readouterr().err


@pytest.mark.parametrize(("last", "code"), [(DONE, OK), (progress(GATEWAY, BEHIND), CHECK_FAILED)])
def test_the_outcome_as_json(mesh: Path, capsys: pytest.CaptureFixture[str], last: Progress, code: int) -> None:
    with serving(mesh, FakeControl(progress=[last])):
        assert main(["wait", "--timeout", "0", "-o", "json"]) == code
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert set(told) == {"done", "waited_seconds", "proxies", "lagging", "refused"}
    assert told["done"] is (code == OK)
    assert [lag["what"] for lag in told["lagging"]] == ([] if code == OK else ["default/reviews"])
    assert shown.err == ""


def test_a_control_that_does_not_answer_is_waited_for(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wait", "--timeout", "0.1", "--mesh", str(mesh)]) == CHECK_FAILED
    told = capsys.readouterr().err
    assert told.startswith("control: no control serves")
    assert told.endswith(f" next: hauberk up {mesh}\n")
    assert main(["wait", "--timeout", "0.1"]) == NOT_STARTED


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), ("1.5", 1.5), ("0", 0.0), ("2m30s", 150.0), ("250ms", 0.25)])
def test_times_are_seconds_or_durations(text: str, seconds: float) -> None:
    assert read_timeout(text) == seconds


@pytest.mark.parametrize("arguments", [["--timeout", "soon"], ["--timeout", "-1"], ["reviews"], ["httproute/"], ["a/b/c/d"]])
def test_what_cannot_be_meant_is_a_usage_error(mesh: Path, arguments: list[str]) -> None:
    assert main(["wait", *arguments]) == USAGE
