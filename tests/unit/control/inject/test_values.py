"""The forms of annotations' values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.inject.values import (
    all_or_ports,
    all_or_ranges,
    boolean,
    image_name,
    named_objects,
    port_list,
    positive_quantity,
    quantity,
    range_list,
    whole_number,
)

READERS = (
    all_or_ports,
    all_or_ranges,
    boolean,
    image_name,
    named_objects,
    port_list,
    positive_quantity,
    quantity,
    range_list,
    whole_number,
)


def test_ports_and_ranges_lose_their_blanks() -> None:
    assert port_list(" 80 , 443") == "80,443"
    assert port_list("  ") == ""
    assert all_or_ports(" * ") == "*"
    assert range_list("10.0.0.1/8 , fd00::/8, 192.0.2.1") == "10.0.0.1/8,fd00::/8,192.0.2.1"
    assert all_or_ranges("*") == "*"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100m", "0.1"),
        ("0.1", "0.1"),
        ("2", "2"),
        ("128Mi", "134217728"),
        ("1k", "1000"),
        ("5e2", "500"),
        (".5", "0.5"),
        ("3.", "3"),
        ("2n", "0.000000002"),
    ],
)
def test_quantities(text: str, amount: str) -> None:
    assert quantity(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1kb", "1Mib", "0x1", "1e9999", "٣", "1" * 70, "NaN"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="; write"):
        quantity(text)


@pytest.mark.parametrize("text", ["0", "65536", "80;443", "80,,443", "-1", "٣", "*,80"])
def test_no_ports(text: str) -> None:
    with pytest.raises(ValueError, match="no port; write"):
        all_or_ports(text)


def test_objects_by_name_and_as_a_list_are_the_same() -> None:
    assert named_objects('{"a": {"b": 1}}') == named_objects('[{"name": "a", "b": 1}]') == [{"name": "a", "b": 1}]
    for text in ("[{}]", '{"a": 1}', "1", "[" * 5000, '[{"name": ""}]'):
        with pytest.raises(ValueError, match=r"; (write|give)"):
            named_objects(text)


def test_too_many_items() -> None:
    with pytest.raises(ValueError, match="257 items"):
        port_list(",".join(["80"] * 257))


@given(st.text(max_size=80), st.sampled_from(READERS))
def test_any_text_is_a_value_or_a_sentence_with_advice(text: str, reader: object) -> None:
    assert callable(reader)
    try:
        reader(text)
    except ValueError as error:
        message, semicolon, hint = str(error).partition("; ")
        assert message
        assert semicolon
        assert hint
