import pytest

from hauberk_cli.demo.processes import PartError, sole_error

_PART, _OTHER = PartError("details ended"), OSError("no more processes")


def _group(*errors: BaseException) -> BaseExceptionGroup[BaseException]:
    return BaseExceptionGroup("several", errors)


@pytest.mark.parametrize(
    "group", [_group(_PART), _group(_group(_PART)), _group(_PART, PartError("ratings ended")), _group(_group(_PART, _PART))]
)
def test_the_first_part_that_failed_tells_enough(group: BaseExceptionGroup[BaseException]) -> None:
    assert sole_error(group) is _PART


def test_a_single_other_error_is_told_as_it_is() -> None:
    assert sole_error(_group(_group(_OTHER))) is _OTHER


def test_different_errors_stay_together() -> None:
    group = _group(_PART, _OTHER)
    assert sole_error(group) is group
