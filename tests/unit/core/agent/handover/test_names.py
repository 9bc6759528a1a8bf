"""Names of parked descriptors: what a service manager takes, and what comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.agent.handover.names import ADMIN, LISTENER, LONGEST_NAME, DescriptorName, parse_name, tail_of


@given(st.text(min_size=1, max_size=400), st.integers(min_value=0, max_value=9999))
def test_every_key_makes_a_name_that_managers_take_and_we_read(key: str, number: int) -> None:
    name = DescriptorName(LISTENER, number, tail_of(key))
    text = str(name)
    assert 0 < len(text) <= LONGEST_NAME
    assert text.isascii()
    assert text.isprintable()
    assert ":" not in text
    assert parse_name(text) == name


@given(st.text(min_size=1), st.text(min_size=1))
def test_other_keys_have_other_names(one: str, other: str) -> None:
    assert (tail_of(one) == tail_of(other)) == (one == other)


def test_names_tell_the_address() -> None:
    assert str(DescriptorName(ADMIN, 0, tail_of("127.0.0.1:15000"))) == "admin/0/127.0.0.1%3A15000"
    assert tail_of("web 127.0.0.1:0") == "web 127.0.0.1%3A0"


@pytest.mark.parametrize(
    "text",
    ["", "listener", "listener/0", "listener/0/", "listener/x/a", "listener/-1/a", "listener/99999/a", "connection/0/a", "/"],
)
def test_what_is_no_name_of_ours_is_told_apart(text: str) -> None:
    assert parse_name(text) is None
