"""Workloads on disk."""

import logging
from pathlib import Path

import pytest

from hauberk_control.local.kept_workloads import FILE_NAME, load_workloads, save_workloads
from hauberk_control.local.messages import RegisterWorkload
from hauberk_core.agent.logs import LOG

REVIEWS = RegisterWorkload(service="reviews", version="v2", name="reviews-v2", ports={9080: 41000}, labels={"tier": "back"})


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    assert load_workloads(tmp_path) == []
    save_workloads(tmp_path, [REVIEWS])
    assert load_workloads(tmp_path) == [REVIEWS]
    save_workloads(tmp_path, [])
    assert load_workloads(tmp_path) == []
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'[{"type": "register"}]', b"\xff\xfe", b"[1]"])
def test_a_damaged_file_is_told_and_nobody_is_expected(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / FILE_NAME).chmod(0o600)
    with caplog.at_level(logging.WARNING, LOG.name):
        assert load_workloads(tmp_path) == []
    assert "not known until they come back" in caplog.text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with caplog.at_level(logging.ERROR, LOG.name):
        save_workloads(tmp_path, [REVIEWS])
    assert "not kept for a restart of control" in caplog.text
