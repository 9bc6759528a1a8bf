import pytest

from hauberk_core.http.headers import Headers
from hauberk_core.route.condition import EXACT, PREFIX, PRESENT, REGEX, Condition, joined_value
from hauberk_core.route.regular_expression import RegularExpression


def _condition(kind: int, value: str, invert: bool = False) -> Condition:
    return Condition("x-user", kind, value, RegularExpression(value) if kind == REGEX else None, invert)


@pytest.mark.parametrize(
    ("kind", "wanted", "value", "expected"),
    [
        (EXACT, "ada", "ada", True),
        (EXACT, "ada", "Ada", False),
        (EXACT, "ada", "adam", False),
        (EXACT, "", "", True),
        (EXACT, "", None, False),
        (PREFIX, "ad", "adam", True),
        (PREFIX, "ad", "bad", False),
        (REGEX, "a.*", "adam", True),
        (REGEX, "a", "adam", False),
        (PRESENT, "", "", True),
        (PRESENT, "", None, False),
    ],
)
def test_each_kind_and_its_inverse(kind: int, wanted: str, value: str | None, expected: bool) -> None:
    assert _condition(kind, wanted).holds(value) is expected
    assert _condition(kind, wanted, invert=True).holds(value) is not expected


def test_lines_of_one_header_are_one_value() -> None:
    headers = Headers()
    headers.add("X-User", "ada")
    headers.add("Other", "1")
    headers.add("x-user", "")
    headers.add("X-USER", "bob")
    assert joined_value(headers, "x-user") == "ada,,bob"
    assert joined_value(headers, "absent") is None


@pytest.mark.parametrize(
    ("kind", "wanted", "invert", "value", "sentence"),
    [
        (EXACT, "ada", False, None, "header 'x-user' is absent, the match wants 'ada'"),
        (EXACT, "ada", True, "ada", "header 'x-user' is 'ada', the match wants anything but 'ada'"),
        (PREFIX, "ad", False, "bob", "header 'x-user' is 'bob', the match wants a value that starts with 'ad'"),
        (
            REGEX,
            "a.*",
            False,
            "bob",
            "header 'x-user' is 'bob', the match wants a value that matches the regular expression 'a.*'",
        ),
        (PRESENT, "", False, None, "header 'x-user' is absent, the match wants it present"),
        (PRESENT, "", True, "bob", "header 'x-user' is 'bob', the match wants it absent"),
    ],
)
def test_misses_are_told_in_words(kind: int, wanted: str, invert: bool, value: str | None, sentence: str) -> None:
    assert _condition(kind, wanted, invert).describe_miss("header", value) == sentence
