"""`hauberk config check` and `hauberk config schema`."""

import io
import json
from pathlib import Path

import pytest

from hauberk_cli.main import main
from hauberk_core.model.schema import encode_schema

EXAMPLE = Path(__file__).parents[3] / "examples" / "gateway.json"


def test_a_right_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(EXAMPLE)]) == 0
    assert capsys.readouterr().out == "1 file: no mistakes\n"


def test_every_mistake_of_every_file_is_shown_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = tmp_path / "first.json"
    first.write_text('{"versoin": "1",\n "clusters": {"c": {"max_pending": "ten"}}}')
    second = tmp_path / "second.json"
    second.write_text('{"clusters": {"c": {}}')
    assert main(["config", "check", str(first), str(EXAMPLE), str(second), str(tmp_path / "third.json")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{first}:1:2: error: versoin: no member is called 'versoin' here",
        "    hint: did you mean 'version'? known: 'access_log', 'certificates', 'listeners', 'route_tables', 'version'",
        f"{first}:2:36: error: clusters.c.max_pending: expected a whole number, got 'ten'",
        "    hint: write a number without quotes and without a fraction",
        f"{second}:1:23: error: the document ends where a comma or a closing brace should stand",
        "    hint: close what begins in line 1, column 1",
        f"{tmp_path / 'third.json'}: error: cannot be read: No such file or directory",
        "    hint: check the name, and whether you may read it",
        "4 files: 4 errors",
        "next: correct the places above, then run the same command again",
    ]


def test_warnings_are_shown_and_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.json"
    file.write_text('{"clusters": {"c": {}}}')
    assert main(["config", "check", str(file)]) == 0
    shown = capsys.readouterr().out
    assert f"{file}:1:15: warning: clusters.c.endpoints: a cluster without endpoints" in shown
    assert shown.endswith("1 file: 1 warning\n")


def test_mistakes_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.json"
    file.write_text('{"version": 1}')
    assert main(["config", "check", "-o", "json", str(file)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "errors": [
            {
                "origin": str(file),
                "line": 1,
                "column": 13,
                "path": "version",
                "message": "expected text, got 1",
                "hint": "write it in double quotes",
                "severity": "error",
            }
        ],
    }


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[]")))
    assert main(["config", "check", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:1:1: error: expected an object")


def test_a_folder_is_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "this is a folder" in told
    assert "hauberk status" in told


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_objects_of_a_mesh_are_not_taken_for_wrong_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = tmp_path / "route.yaml"
    objects.write_text("# of a mesh\nkind: HTTPRoute\n")
    assert main(["config", "check", str(objects)]) == 1
    told = capsys.readouterr().out
    assert "this is YAML" in told
    assert "hauberk status" in told


def test_the_schema_is_printed_as_published(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["config", "schema"]) == 0
    assert capsysbinary.readouterr().out == encode_schema()
