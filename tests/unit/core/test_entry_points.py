"""The entry points of installed packages, beside what the standard library finds."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from hauberk_core.entry_points import Distribution, EntryPoint, find_entry_points

Found = list[tuple[str, str, str, str]]


def _record(folder: Path, name: str, entry_points: str | None, about: str | None = None, file: str = "METADATA") -> None:
    record = folder / name
    record.mkdir(parents=True)
    if entry_points is not None:
        (record / "entry_points.txt").write_text(entry_points)
    if about is not None:
        (record / file).write_text(about)


def _ours(group: str, path: list[str]) -> Found:
    return [(entry.name, entry.value, *entry.dist) for entry in find_entry_points(group, path)]


def _theirs(group: str, path: list[str]) -> Found:
    """By the standard library: of each project the first record, as it does where no path is given."""
    found: Found = []
    known: set[str] = set()
    for dist in metadata.distributions(path=path):
        if dist.name not in known:
            known.add(dist.name)
            found += [(entry.name, entry.value, dist.name, dist.version) for entry in dist.entry_points if entry.group == group]
    return sorted(found)


def test_everything_installed_here_is_found_as_the_library_finds_it() -> None:
    groups = set(metadata.entry_points().groups)
    assert {"hauberk.data", "hauberk.control", "console_scripts"} <= groups
    for group in groups:
        assert _ours(group, sys.path) == _theirs(group, sys.path)
    assert "tracing" in {entry.name for entry in find_entry_points("hauberk.data")}
    assert find_entry_points("hauberk.nothing") == []


def test_files_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    _record(
        tmp_path,
        "My_Plugins-2.0.dist-info",
        "# first\n[other]\nno = other\n\n[hauberk.data]\n two=b.c : d.e \n# hidden = x\none = a.b [more]\n[last]\nno = last\n",
        "Metadata-Version: 2.1\nName: My.Plugins\nVersion: 2.0\n\nName: not this\n",
    )
    _record(tmp_path, "old.egg-info", "[hauberk.data]\nold = old.data\n", "Name: old\nVersion: 1\n", "PKG-INFO")
    _record(tmp_path, "bare-3.dist-info", None, "Name: bare\nVersion: 3\n")
    path = [str(tmp_path)]
    assert _ours("hauberk.data", path) == [
        ("old", "old.data", "old", "1"),
        ("one", "a.b [more]", "My.Plugins", "2.0"),
        ("two", "b.c : d.e", "My.Plugins", "2.0"),
    ]
    assert _ours("hauberk.data", path) == _theirs("hauberk.data", path)


def test_of_two_records_of_one_project_the_first_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _record(first, "the_plugin-1.dist-info", None, "Name: the-plugin\nVersion: 1\n")
    _record(second, "the.plugin-2.dist-info", "[hauberk.data]\nit = it\n", "Name: the-plugin\nVersion: 2\n")
    path = [str(first), str(second)]
    assert _ours("hauberk.data", path) == _theirs("hauberk.data", path) == []
    assert _ours("hauberk.data", path[::-1]) == _theirs("hauberk.data", path[::-1]) == [("it", "it", "the-plugin", "2")]


def test_what_cannot_be_read_declares_nothing_and_hides_nothing(tmp_path: Path) -> None:
    _record(tmp_path, "damaged-1.dist-info", "\0[\nhauberk.data\n=", None)
    _record(tmp_path, "good-1.5.dist-info", "[hauberk.data]\ngood = good.data\nno value\n")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    (tmp_path / "file.egg-info").write_text("Name: file\n")
    path = [str(tmp_path / "missing"), str(tmp_path / "archive.zip"), str(tmp_path)]
    assert find_entry_points("hauberk.data", path) == [EntryPoint("good", "good.data", Distribution("good", "1.5"))]


@pytest.mark.parametrize(
    ("value", "loaded"),
    [
        ("hauberk_core.entry_points", sys.modules["hauberk_core.entry_points"]),
        ("hauberk_core.entry_points:EntryPoint", EntryPoint),
        ("hauberk_core.entry_points : EntryPoint.load [extra]", EntryPoint.load),
    ],
)
def test_a_module_or_what_is_in_it_is_loaded(value: str, loaded: object) -> None:
    assert EntryPoint("it", value, Distribution("a", "1")).load() is loaded


def test_what_cannot_be_loaded_says_so() -> None:
    with pytest.raises(ModuleNotFoundError, match="hauberk_nowhere"):
        EntryPoint("it", "hauberk_nowhere.data", Distribution("a", "1")).load()
    with pytest.raises(AttributeError, match="nothing"):
        EntryPoint("it", "hauberk_core.entry_points:nothing", Distribution("a", "1")).load()
