"""Cookies in requests."""

import pytest

from hauberk_core.http.cookies import cookie_value
from hauberk_core.http.headers import Headers


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ((), None),
        (("user=mina",), "mina"),
        (("a=1; user=mina; b=2",), "mina"),
        (("a=1", "b=2;user= mina ;user=tom"), "mina"),
        (("super-user=tom; xuser=1",), None),
        (("user",), None),
        (("user=a=b",), "a=b"),
        (("user=",), ""),
    ],
)
def test_the_first_of_its_name_counts(lines: tuple[str, ...], value: str | None) -> None:
    headers = Headers()
    for line in lines:
        headers.add("Cookie", line)
    assert cookie_value(headers, "user") == value
