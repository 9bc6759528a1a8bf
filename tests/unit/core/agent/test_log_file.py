"""Opening the access log."""

import fcntl
import os
from pathlib import Path

import pytest

from hauberk_core.agent.log_file import LogFileError, open_log_file


def test_a_file_is_made_for_its_owner_and_appended_to(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text("before\n")
    descriptor = open_log_file("access.log", tmp_path)
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert (tmp_path / "access.log").read_text() == "before\nafter\n"
    fresh = open_log_file("fresh.log", tmp_path)
    assert not os.fstat(fresh).st_mode & 0o007
    os.close(fresh)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LogFileError, match="No such file or directory; make its folder"):
        open_log_file("missing/access.log", tmp_path)


def test_a_pipe_nobody_reads_is_refused_instead_of_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogFileError, match="cannot be opened"):
        open_log_file("pipe", tmp_path)


def test_standard_output_does_not_become_non_blocking_for_others(tmp_path: Path) -> None:
    before = fcntl.fcntl(1, fcntl.F_GETFL)
    descriptor = open_log_file("/dev/stdout", tmp_path)
    assert not os.get_blocking(descriptor)
    assert os.get_blocking(1) == (not before & os.O_NONBLOCK)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
