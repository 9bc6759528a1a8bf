"""Words for a terminal."""

import pytest

from hauberk_cli.mesh.words import age, printable


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 m"), (3599, "59 m"), (7200, "2 h"), (86400 * 3.5, "3 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_what_a_terminal_would_obey_is_left_out() -> None:
    assert printable("a\x1b[31mb\nc\td\x7fé") == "a�[31mb�c�d�é"
