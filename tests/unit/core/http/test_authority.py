"""Hosts and ports; the rules themselves are tested where requests carry them (test_request_head.py)."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.authority import Authorities


def test_the_answer_does_not_depend_on_having_been_asked_before() -> None:
    authorities = Authorities()
    for _ in range(3):
        assert authorities.valid("a.test:80")
        assert not authorities.valid("a.test:")


def test_many_hosts_do_not_pile_up() -> None:
    authorities = Authorities()
    for number in range(5000):
        assert authorities.valid("host-" + str(number))
    assert len(authorities._valid) <= 1024


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=30))
def test_nothing_valid_could_be_read_as_something_else(text: str) -> None:
    if Authorities().valid(text):
        assert text.isascii()
        assert not set(text) & set(" \t\r\n/?#@,\\%'\"<>")
