"""The page on injection says what happens: its commands that need no cluster are run, its messages are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from hauberk_cli.main import main
from hauberk_control.inject.values import quantity


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs/how-to/inject-sidecars.md").read_text()


def test_the_commands_do_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    commands = re.findall(r"^(hauberk .+)$", page, re.MULTILINE)
    assert len(commands) == 2
    printed: list[str] = []
    for command in commands:
        words = shlex.split(command.partition(" > ")[0])
        assert main(words[1:]) == 0
        shown = capsys.readouterr()
        printed.append(shown.out)
        if "web.yaml" in command:
            assert f"```text\n{shown.err}```" in page

    service, deployment = yaml.safe_load_all(printed[0])
    assert printed[0].startswith((tmp_path / "web.yaml").read_text().partition("---")[0])
    assert service["kind"] == "Service"
    inits = deployment["spec"]["template"]["spec"]["initContainers"]
    assert inits[0]["args"][inits[0]["args"].index("--exclude-outbound-ports") + 1] == "5432"
    workers = [entry for entry in yaml.safe_load(printed[1])["spec"]["initContainers"][1]["env"] if "WORKERS" in entry["name"]]
    assert workers == [{"name": "HAUBERK_WORKERS", "value": "2"}]


def test_the_denial_is_as_the_page_has_it(page: str) -> None:
    with pytest.raises(ValueError, match="'lots' is no amount") as refused:
        quantity("lots")
    assert str(refused.value).replace("; ", ": ", 1) in page
