"""Versions of plugins, as policies want them."""

import pytest

from hauberk_control.translate.plugin_versions import suits, versions_fault


@pytest.mark.parametrize("text", ["", ">=1.2,<2", "==1.*", "~=1.4, !=1.4.3"])
def test_versions_that_can_be_read(text: str) -> None:
    assert versions_fault(text) is None


@pytest.mark.parametrize("text", ["1.2", ">=", "newest", ">=1;<2", "^1.2", ">=1," * 50])
def test_versions_that_cannot(text: str) -> None:
    fault = versions_fault(text)
    assert fault is not None
    assert fault[1] == "write for example >=1.2,<2"


@pytest.mark.parametrize(
    ("wanted", "installed", "expected"),
    [
        ("", "anything", True),
        (">=1.2,<2", "1.2", True),
        (">=1.2,<2", "1.10.1", True),
        (">=1.2,<2", "1.1", False),
        (">=1.2,<2", "2.0", False),
        (">=1.2,<2", "2.0rc1", False),
        (">=1", "2.0rc1", True),
        ("==1.*", "1.4+local", True),
        (">=1", "", False),
        (">=1", "newest", False),
    ],
)
def test_which_suit(wanted: str, installed: str, expected: bool) -> None:
    assert suits(wanted, installed) is expected
