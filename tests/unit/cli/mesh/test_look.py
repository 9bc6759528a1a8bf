"""`hauberk status` and `hauberk proxies`, asked of a control that knows little."""

import json
from pathlib import Path

import pytest
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli.exit_codes import CHECK_FAILED, NOT_STARTED, OK, USAGE
from hauberk_cli.main import main
from hauberk_cli.mesh.look import is_bad
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_control.local.messages import ConditionRow, Proxies, Status


def _condition(kind: str = "Accepted", status: str = "True", reason: str = "Accepted", **more: str) -> ConditionRow:
    values = {"kind": "HTTPRoute", "namespace": "default", "name": "reviews", "place": "reviews.yaml:2:1", **more}
    return ConditionRow(type=kind, status=status, reason=reason, **values)


ALL_WELL = Status(conditions=[_condition(), _condition("ResolvedRefs", part="bookshop")], problems=[])
REFUSED = Status(
    conditions=[_condition(), _condition("ResolvedRefs", "False", "BackendNotFound", message="there is no Service revews")],
    problems=[],
)
BROKEN = Status(conditions=[], problems=["broken.yaml:3:5: backendRef: unknown field; write backendRefs"])
TWO_PROXIES = Proxies(proxies=[proxy_row("details"), proxy_row("reviews", current=False, behind_seconds=4.4)])


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of resources, which is also where we are."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    monkeypatch.delenv(MESH_VARIABLE, raising=False)
    monkeypatch.chdir(folder)
    return folder


def test_a_status_without_faults(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(status=ALL_WELL)):
        assert main(["status"]) == OK
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines()] == [
        ["OBJECT", "PART", "CONDITION", "REASON", "PLACE"],
        ["HTTPRoute", "default/reviews", "Accepted=True", "Accepted", "reviews.yaml:2:1"],
        ["HTTPRoute", "default/reviews", "bookshop", "ResolvedRefs=True", "Accepted", "reviews.yaml:2:1"],
    ]
    head, *rows = shown.out.splitlines()
    for row in rows:
        assert row.index("reviews.yaml") == head.index("PLACE")
    assert shown.err == ""


def test_what_is_refused_is_told_with_its_place_and_exits_with_1(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(status=REFUSED)):
        assert main(["status"]) == CHECK_FAILED
    shown = capsys.readouterr()
    assert "ResolvedRefs=False" in shown.out
    assert shown.err == "reviews.yaml:2:1: HTTPRoute reviews: BackendNotFound: there is no Service revews\n"


def test_what_has_no_effect_is_told_and_is_no_failure(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle = _condition(reason="AcceptedInPart", message="no Service is called 'revews'")
    with serving(mesh, FakeControl(status=Status(conditions=[idle], problems=[]))):
        assert main(["status"]) == OK
    assert capsys.readouterr().err == "reviews.yaml:2:1: HTTPRoute reviews: no Service is called 'revews'\n"


def test_mistakes_in_files_are_told_and_exit_with_1(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(mesh, FakeControl(status=BROKEN)):
        assert main(["status"]) == CHECK_FAILED
    assert capsys.readouterr().err == f"{BROKEN.problems[0]}\n"


@pytest.mark.parametrize(("status", "code"), [(ALL_WELL, OK), (REFUSED, CHECK_FAILED), (BROKEN, CHECK_FAILED)])
def test_status_as_json_is_whole(mesh: Path, capsys: pytest.CaptureFixture[str], status: Status, code: int) -> None:
    with serving(mesh, FakeControl(status=status)):
        assert main(["status", "-o", "json"]) == code
    shown = json.loads(capsys.readouterr().out)
    assert shown["problems"] == status.problems
    assert [(row["type"], row["status"]) for row in shown["conditions"]] == [(row.type, row.status) for row in status.conditions]


@pytest.mark.parametrize(
    ("kind", "status", "bad"),
    [
        ("Accepted", "True", False),
        ("Accepted", "False", True),
        ("Accepted", "Unknown", True),
        ("Conflicted", "False", False),
        ("Conflicted", "True", True),
        ("PartiallyInvalid", "True", True),
        ("OverlappingTLSConfig", "False", False),
    ],
)
def test_which_conditions_are_bad(kind: str, status: str, bad: bool) -> None:
    assert is_bad(_condition(kind, status)) is bad


@pytest.mark.parametrize("command", ["status", "proxies"])
def test_the_mesh_may_be_named(
    mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with serving(mesh, FakeControl(status=ALL_WELL, proxies=TWO_PROXIES)):
        (mesh / "deep").mkdir()
        monkeypatch.chdir(mesh / "deep")
        assert main([command]) == OK
        monkeypatch.chdir(tmp_path)
        assert main([command]) == NOT_STARTED
        assert main([command, "--mesh", str(mesh)]) == OK
        monkeypatch.setenv(MESH_VARIABLE, str(mesh))
        assert main([command]) == OK
    assert capsys.readouterr().err.startswith("error: no mesh runs in this folder or above")


@pytest.mark.parametrize("command", ["status", "proxies"])
def test_without_a_control_it_is_told_what_to_type(mesh: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--mesh", str(mesh)]) == NOT_STARTED
    error = capsys.readouterr().err
    assert f"error: no control serves {mesh}; start it with: hauberk up {mesh}" in error
    assert " next: hauberk up" in error


@pytest.mark.parametrize("command", ["status", "proxies"])
def test_a_control_that_refuses_or_answers_oddly_exits_with_3(
    mesh: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with serving(mesh, FakeControl(refusal="control is just starting; try again")):
        assert main([command]) == NOT_STARTED
    assert "control is just starting; try again" in capsys.readouterr().err
    with serving(mesh, FakeControl()):
        assert main([command]) == NOT_STARTED
    assert "different versions" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "proxies"])
def test_other_forms_and_folders_are_usage_errors(mesh: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "-o", "xml"]) == USAGE
    assert main([command, "--mesh", str(mesh / "nowhere")]) == USAGE
    assert "nowhere" in capsys.readouterr().err


def test_a_folder_is_judged_without_a_mesh(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = "apiVersion: v1\nkind: Service\nmetadata: {name: reviews}\nspec: {PORTS: [{name: http, port: 80}]}\n"
    (mesh / "reviews.yaml").write_text(written.replace("PORTS", "ports"))
    assert main(["status", "--files", "."]) == OK
    assert "Service default/reviews" in capsys.readouterr().out
    (mesh / "reviews.yaml").write_text(written.replace("PORTS", "prots"))
    assert main(["status", "--files", str(mesh)]) == CHECK_FAILED
    assert "did you mean 'ports'?" in capsys.readouterr().err
    assert main(["status", "--files", ".", "--mesh", "."]) == USAGE
