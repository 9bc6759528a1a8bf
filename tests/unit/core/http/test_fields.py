"""The table of names: it learns, it is bounded, and nobody can fill it for good."""

import pytest

from hauberk_core.http.errors import Violation
from hauberk_core.http.fields import HOST, NOT_IN_TRAILERS, REMEMBERED_LENGTH, REMEMBERED_NAMES, FieldNames, acted_on, check_name


def test_names_are_learnt() -> None:
    names = FieldNames()
    assert "X-New" not in names.known
    assert names.learn("X-New").name == "x-new"
    assert names.known["X-New"].code == 0
    assert names.known["Host"].code == names.known["host"].code == HOST
    assert names.learn("HOST").code == HOST


def test_it_forgets_what_it_learnt_when_full() -> None:
    names = FieldNames()
    before = len(names.known)
    for number in range(REMEMBERED_NAMES * 3 + 1):
        names.learn("x-" + str(number))
        assert len(names.known) <= before + REMEMBERED_NAMES
    assert names.known["Host"].code == HOST
    assert len(names.known) == before + 1


def test_long_names_are_not_remembered() -> None:
    names = FieldNames()
    names.learn("a" * REMEMBERED_LENGTH)
    names.learn("b" * (REMEMBERED_LENGTH + 1))
    assert "a" * REMEMBERED_LENGTH in names.known
    assert "b" * (REMEMBERED_LENGTH + 1) not in names.known


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\t", "\xe4", "a\0", "(a)", "Content_Length", "HOST_"[:-1] + " "])
def test_bad_names(name: str) -> None:
    with pytest.raises(Violation):
        check_name(name)


def test_what_frames_a_message_never_comes_in_a_trailer() -> None:
    for name in ("content-length", "transfer-encoding", "host", "connection", "te", "upgrade", "authorization", "content-type"):
        assert name in NOT_IN_TRAILERS or acted_on(name)
