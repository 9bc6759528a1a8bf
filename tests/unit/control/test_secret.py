"""The secret of a mesh outlives control, and is nobody else's."""

from pathlib import Path

import pytest

from hauberk_control.secret import FILE_NAME, derived, keep_secret
from hauberk_core.agent.identity.private_file import PrivateFileError


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    made = keep_secret(tmp_path)
    assert len(made) == 32
    assert keep_secret(tmp_path) == made
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert keep_secret(other) != made


def test_what_is_cut_short_is_made_anew(tmp_path: Path) -> None:
    made = keep_secret(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(made[:7])
    assert len(keep_secret(tmp_path)) == 32


def test_one_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    keep_secret(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(PrivateFileError, match="chmod 600"):
        keep_secret(tmp_path)


def test_each_purpose_has_its_own() -> None:
    secret = bytes(range(32))
    assert derived(secret, "a") == derived(secret, "a")
    assert len({derived(secret, "a"), derived(secret, "b"), derived(bytes(32), "a"), secret.hex()}) == 4
