"""Imports point one way: the contracts in pyproject.toml hold."""

from pathlib import Path

import pytest
from importlinter import cli


def test_import_contracts_hold(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.lint_imports(config_filename=str(repository / "pyproject.toml"), no_cache=True)

    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
