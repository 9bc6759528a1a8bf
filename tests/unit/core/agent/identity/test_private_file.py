import os
import stat
from pathlib import Path

import pytest

from hauberk_core.agent.identity.private_file import LARGEST_FILE, PrivateFileError, read_private, write_private


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "key.pem"
    before = os.umask(0)
    try:
        write_private(path, b"secret")
    finally:
        os.umask(before)

    assert read_private(path) == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_replaced_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_private(path, b"old")
    with path.open("rb") as file:
        write_private(path, b"new")
        # Whoever had it open has the old one, whole.
        assert file.read() == b"old"

    assert read_private(path) == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.mkdir()
    (path / "inside").touch()

    with pytest.raises(PrivateFileError, match="cannot be written"):
        write_private(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_may_use_is_refused_unless_somebody_else_put_it_there(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    write_private(path, b"secret")
    path.chmod(mode)

    with pytest.raises(PrivateFileError, match="chmod 600"):
        read_private(path)
    assert read_private(path, owner_only=False) == b"secret"


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(PrivateFileError, match="no regular file"):
        read_private(tmp_path / "pipe")


def test_what_is_too_large(tmp_path: Path) -> None:
    write_private(tmp_path / "large", bytes(LARGEST_FILE + 1))

    with pytest.raises(PrivateFileError, match="octets"):
        read_private(tmp_path / "large")
