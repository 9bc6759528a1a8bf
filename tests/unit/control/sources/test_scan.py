"""Which files of a folder are read."""

import os
from pathlib import Path

import pytest

from hauberk_control.sources.scan import DEEPEST_FOLDER, scan_folder


def test_what_is_hidden_looping_or_no_regular_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".hauberk").mkdir()
    (tmp_path / ".hauberk" / "state.yaml").write_text("")
    (tmp_path / ".draft.yaml").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere.yaml").symlink_to(tmp_path / "missing")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text("")
    scan = scan_folder(tmp_path)
    assert list(scan.stamps) == [str(tmp_path / "a.yaml")]
    assert scan.errors == ()


def test_folders_are_followed_only_so_deep(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(DEEPEST_FOLDER + 1):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "a.yaml").write_text("")
    (deep.parent / "b.yaml").write_text("")
    scan = scan_folder(tmp_path)
    assert list(scan.stamps) == [str(deep.parent / "b.yaml")]
    (error,) = scan.errors
    assert "nested deeper" in error.message


def test_too_many_files_are_told_and_the_first_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hauberk_control.sources.scan.MOST_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text("")
    scan = scan_folder(tmp_path)
    assert list(scan.stamps) == [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    (error,) = scan.errors
    assert error.origin == str(tmp_path / "c.yaml")
    assert "more than 2 files" in error.message


def test_too_many_octets_are_told_and_the_first_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hauberk_control.sources.scan.MOST_BYTES", 10)
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text("#" * 6)
    scan = scan_folder(tmp_path)
    assert list(scan.stamps) == [str(tmp_path / "a.yaml")]
    (error,) = scan.errors
    assert "more than 10 octets" in error.message


def test_a_folder_that_cannot_be_read_is_told_apart_from_an_empty_one(tmp_path: Path) -> None:
    assert scan_folder(tmp_path) == ({}, (str(tmp_path),), (), (), ())
    scan = scan_folder(tmp_path / "missing")
    assert scan.unreadable == (str(tmp_path / "missing"),)
    (error,) = scan.errors
    assert "No such file or directory" in error.message


def test_links_that_lead_to_each_other_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    (tmp_path / "a.yaml").write_text("")
    scan = scan_folder(tmp_path)
    assert (list(scan.stamps), scan.errors) == ([str(tmp_path / "a.yaml")], ())
