import pytest

from hauberk_cli.mesh.first_error import first_error

_TOLD, _ALSO, _FAULT = OSError("no more processes"), OSError("and no disk"), KeyError("a fault of ours")


def _group(*errors: BaseException) -> BaseExceptionGroup[BaseException]:
    return BaseExceptionGroup("several", errors)


@pytest.mark.parametrize(
    "error", [_TOLD, _group(_TOLD), _group(_group(_TOLD)), _group(_TOLD, _ALSO), _group(_group(_TOLD, _ALSO))]
)
def test_the_first_tells_enough(error: BaseException) -> None:
    assert first_error(error, (OSError,)) is _TOLD


def test_a_fault_of_ours_is_not_hidden_behind_it() -> None:
    group = _group(_TOLD, _group(_FAULT))
    assert first_error(group, (OSError,)) is group
    assert first_error(_FAULT, (OSError,)) is _FAULT
