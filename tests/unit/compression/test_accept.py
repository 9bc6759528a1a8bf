"""Which clients take gzip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_compression.accept import MOST_ITEMS, takes_gzip


@pytest.mark.parametrize(
    ("field", "takes"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("br, gzip;q=0.2", True),
        ("gzip ; q=0.001", True),
        ("gzip;Q=1.000", True),
        ("*", True),
        ("*;q=0.5", True),
        ("br;q=1, *;q=0.1", True),
        ("identity, gzip", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity;q=0.6", False),
        ("gzip;q=1.5", False),
        ("gzip;q=0.0001", False),
        ("gzip;q=x", False),
        ("gzip;level=1", False),
        ("gzipped", False),
    ],
)
def test_a_field(field: str, takes: bool) -> None:
    assert takes_gzip([field]) == takes


def test_fields_are_one_list() -> None:
    assert takes_gzip(["br", "gzip;q=0.3"])
    assert not takes_gzip([])


def test_a_list_is_read_up_to_a_bound() -> None:
    assert takes_gzip([", ".join(["br"] * (MOST_ITEMS - 1) + ["gzip"])])
    assert not takes_gzip([", ".join(["br"] * MOST_ITEMS + ["gzip"])])


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=4))
def test_anything_is_read(lines: list[str]) -> None:
    assert takes_gzip(lines) in {True, False}
