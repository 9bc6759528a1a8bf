"""Fragments of the changelog have the form that towncrier and readers expect."""

import re
import tomllib
from pathlib import Path

_NAME = re.compile(r"\+[a-z0-9]+(?:-[a-z0-9]+)*\.(\w+)\.md")


def fragments(repository: Path) -> list[Path]:
    return [path for path in sorted((repository / "changelog.d").iterdir()) if path.name not in ("README.md", ".gitignore")]


def test_every_fragment_is_of_a_kind_that_is_released(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in settings["type"]}
    named = {path.name: _NAME.fullmatch(path.name) for path in fragments(repository)}
    assert [name for name, found in named.items() if found is None or found[1] not in kinds] == []


def test_every_fragment_is_of_whole_sentences(repository: Path) -> None:
    texts = {path.name: path.read_text() for path in fragments(repository)}
    assert texts
    assert [name for name, text in texts.items() if not re.fullmatch(r"[A-Z0-9`*].*[.)]\n", text, re.DOTALL)] == []
