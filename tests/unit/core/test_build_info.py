"""What an installation says of itself."""

import importlib
import importlib.util
from pathlib import Path

import pytest
from packaging.version import Version

from hauberk_core import build_info


def test_version_is_in_normal_form() -> None:
    assert str(Version(build_info.version())) == build_info.version()


def test_build_kind_agrees_with_the_module_that_is_imported() -> None:
    headers = importlib.import_module("hauberk_core.http.headers")

    assert headers.__file__ is not None
    assert build_info.compiled() == (Path(headers.__file__).suffix == ".so")


def test_damaged_installation_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ModuleNotFoundError, match="install hauberk again"):
        build_info.compiled()
