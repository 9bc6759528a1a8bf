"""`hauberk run` and its like, before anything is started."""

from pathlib import Path

import pytest

from hauberk_cli.exit_codes import NOT_STARTED, USAGE
from hauberk_cli.main import main
from hauberk_cli.mesh import run as run_module
from hauberk_cli.mesh.workload import Workload


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--service", "web", "--port", "80"],
        ["--service", "web", "--", "true"],
        ["--port", "80", "--", "true"],
        ["--service", "web", "--port", "0", "--", "true"],
        ["--service", "web", "--port", "65536", "--", "true"],
        ["--service", "web", "--port", "80", "--locality", "eu.west/a", "--", "true"],
        ["--service", "web", "--port", "80", "--locality", "eu/a/b/c", "--", "true"],
        ["--service", "web", "--port", "80", "--locality", "eu/" + "a" * 61, "--", "true"],
    ],
)
def test_what_is_missing_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *arguments]) == USAGE
    assert "hauberk run --help" in capsys.readouterr().err


def test_without_a_control_it_waits_a_while_and_tells_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_AT_ONCE_SECONDS", 0.1)
    monkeypatch.setattr(run_module, "CONTROL_START_SECONDS", 0.2)
    assert main(["run", "--mesh", str(tmp_path), "--service", "web", "--port", "80", "--", "true"]) == NOT_STARTED
    told = capsys.readouterr().err
    assert f"waiting up to 0 s for the control of {tmp_path} to answer" in told
    assert f"type in another terminal: hauberk up {tmp_path}" in told
    assert f"start it with: hauberk up {tmp_path}" in told


@pytest.mark.parametrize("command", ["up", "control"])
@pytest.mark.parametrize("validity", ["soon", "25h", "1ms", "-1s"])
def test_a_validity_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, validity: str
) -> None:
    assert main([command, "--validity", validity, str(tmp_path)]) == USAGE
    assert "--validity" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["up", "control"])
def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, str(tmp_path / "nowhere")]) == USAGE
    assert "nowhere" in capsys.readouterr().err


def test_where_a_workload_is_travels_as_a_label() -> None:
    workload = Workload("reviews", "v1", "default", "", (9080,), locality="eu/a/1")
    assert workload.own_labels == {"istio-locality": "eu.a.1"}
    assert Workload("reviews", "v1", "default", "", (9080,)).own_labels == {}
