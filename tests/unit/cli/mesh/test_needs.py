import pytest

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import NOT_STARTED
from hauberk_cli.mesh.needs import LIBRARIES, need


def test_what_is_installed_is_enough() -> None:
    need(tuple(LIBRARIES))


def test_what_is_missing_is_named_with_what_to_type() -> None:
    with pytest.raises(CommandError, match=r"^not installed: grpc, yaml$") as caught:
        need(("mesh", "control"), lambda library: library not in ("grpc", "yaml"))
    assert caught.value.next_step == "pip install 'hauberk[mesh,control]'"
    assert caught.value.exit_code == NOT_STARTED


def test_an_extra_that_is_not_asked_for_may_be_missing() -> None:
    need(("mesh",), lambda library: library != "yaml")


def test_a_library_inside_a_missing_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "mesh", ("nowhere_to_be_found.inside",))
    with pytest.raises(CommandError, match="nowhere_to_be_found"):
        need(("mesh",))
