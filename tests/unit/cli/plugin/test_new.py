"""The package that `hauberk plugin new` writes, by its files; what they do is tested where it is installed."""

import ast
import tomllib
from pathlib import Path

import pytest

from hauberk_cli.main import main


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_names_are_the_new_one_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "rate-limit", "--dir", str(tmp_path)]) == 0
    folder = tmp_path / "rate-limit"
    assert files(tmp_path) == [
        "rate-limit/README.md",
        "rate-limit/pyproject.toml",
        "rate-limit/rate_limit/__init__.py",
        "rate-limit/rate_limit/control.py",
        "rate-limit/rate_limit/data.py",
        "rate-limit/tests/test_control.py",
        "rate-limit/tests/test_data.py",
    ]
    shown = capsys.readouterr().out
    for path in files(tmp_path):
        text = (tmp_path / path).read_text()
        assert "example-teams" not in text
        assert "example_teams" not in text
        assert "ExampleTeams" not in text
        assert str(tmp_path / path) in shown
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "rate-limit"
    assert project["entry-points"] == {
        "hauberk.data": {"rate-limit": "rate_limit.data"},
        "hauberk.control": {"rate-limit": "rate_limit.control"},
    }
    control = (folder / "rate_limit" / "control.py").read_text()
    assert "class RateLimit(Resource" in control
    for source in folder.rglob("*.py"):
        ast.parse(source.read_text())
    assert folder.stat().st_mode & 0o500 == 0o500
    assert f"cd {folder} && pip install" in shown


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Doorman", "lower case"),
        ("../doorman", "lower case"),
        ("a--b", "lower case"),
        ("d" * 41, "at most 40"),
        ("class", "could not be called so"),
        ("tests", "could not be called so"),
        ("json", "a module called json"),
        ("canary", "is installed"),
    ],
)
def test_names_that_would_not_do_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str) -> None:
    assert main(["plugin", "new", name, "--dir", str(tmp_path)]) == 3
    assert reason in capsys.readouterr().err
    assert files(tmp_path) == []


def test_what_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "doorman").mkdir()
    assert main(["plugin", "new", "doorman", "--dir", str(tmp_path)]) == 3
    assert "is there already" in capsys.readouterr().err
    assert list((tmp_path / "doorman").iterdir()) == []


def test_a_folder_that_cannot_be_written_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["plugin", "new", "doorman", "--dir", str(tmp_path)]) == 3
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
