"""The pinned requirements are exact, complete, agree with each other, and satisfy what pyproject.toml declares."""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[0-9][A-Za-z0-9.]*)")

GROUPS: Final = ("runtime", "mesh", "control", "kubernetes", "test", "dev", "bench", "build")


@pytest.fixture(scope="module")
def pins(repository: Path) -> dict[str, dict[str, str]]:
    """For each file, version by canonical name."""
    found: dict[str, dict[str, str]] = {}
    for group in GROUPS:
        matches = [PIN.fullmatch(line) for line in (repository / "requirements" / f"{group}.txt").read_text().splitlines()]
        assert None not in matches, f"requirements/{group}.txt holds a line that is not name==version"
        found[group] = {canonicalize_name(match["name"]): match["version"] for match in matches if match is not None}
    return found


@pytest.fixture(scope="module")
def declared(repository: Path) -> dict[str, list[Requirement]]:
    """For each file, what pyproject.toml asks for."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    texts = {"runtime": project["project"]["dependencies"]} | project["project"]["optional-dependencies"]
    texts["build"] = texts["build"] + project["build-system"]["requires"]
    return {group: [Requirement(text) for text in lines] for group, lines in texts.items()}


def test_every_file_has_its_declaration(repository: Path, declared: dict[str, list[Requirement]]) -> None:
    assert {path.stem for path in (repository / "requirements").glob("*.txt")} == set(GROUPS) == set(declared)


@pytest.mark.parametrize("group", GROUPS)
def test_pins_satisfy_the_declaration(
    group: str, pins: dict[str, dict[str, str]], declared: dict[str, list[Requirement]]
) -> None:
    unmet = [
        str(wanted)
        for wanted in declared[group]
        if not wanted.specifier.contains(pins[group].get(canonicalize_name(wanted.name), "0"), prereleases=True)
    ]

    assert unmet == []


@pytest.mark.parametrize("group", GROUPS)
def test_pins_are_complete(group: str, pins: dict[str, dict[str, str]]) -> None:
    together = pins["runtime"] | pins[group]
    missing: list[str] = []
    for name in pins[group]:
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # not part of this environment; the full one has it
            continue
        for requirement in map(Requirement, requires):
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(requirement.name) not in together:
                missing.append(f"{name} needs {requirement}")

    assert missing == []


def test_files_agree(pins: dict[str, dict[str, str]]) -> None:
    versions: dict[str, set[str]] = {}
    for group in GROUPS:
        for name, version in pins[group].items():
            versions.setdefault(name, set()).add(version)

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
