import os
from pathlib import Path

import pytest

from hauberk_cli.demo.folder import ACCESS_LOG_LIMIT, DemoFolder, FolderError, demo_folder


def test_a_temporary_folder_goes_with_everything_in_it() -> None:
    with demo_folder(None, keep=False) as folder:
        folder.access_log.write_text("a line")
        assert folder.root.stat().st_mode & 0o077 == 0
    assert not folder.root.exists()


def test_it_goes_when_the_demo_fails_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), demo_folder(tmp_path / "new", keep=False) as folder:
        raise RuntimeError
    assert not folder.root.exists()


def test_it_stays_if_asked(tmp_path: Path) -> None:
    with demo_folder(tmp_path / "deep" / "new", keep=True) as folder:
        folder.config.write_text("{}")
    assert folder.config.read_text() == "{}"


def test_a_folder_with_something_in_it_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FolderError, match="not empty"), demo_folder(tmp_path, keep=False):
        pass
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_access_log_that_has_grown_too_long_begins_anew(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.limit_access_log()
    folder.access_log.write_text("short")
    folder.limit_access_log()
    assert folder.access_log.read_text() == "short"
    os.truncate(folder.access_log, ACCESS_LOG_LIMIT + 1)
    folder.limit_access_log()
    assert folder.access_log.read_text() == ""


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be the demo's folder"), demo_folder(tmp_path / "file", keep=False):
        pass
