"""Cookies are found whatever stands around them, and set so that browsers keep them to themselves."""

import pytest
from backends import exchange_with
from hypothesis import given
from hypothesis import strategies as st

from hauberk_canary.cookies import MOST_VALUES, cookie_path, cookie_values, set_cookie


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        (["s=1"], ["1"]),
        (["a=b; s=1;c=d"], ["1"]),
        (["a=b", " s = 1 "], ["1"]),
        (['s="1"'], ["1"]),
        (["s=1; s=2"], ["1", "2"]),
        (["as=1; s1=2; s"], []),
        (["s=a=b"], ["a=b"]),
        (["; ;=;s=;;"], [""]),
    ],
)
def test_cookies_are_found(lines: list[str], values: list[str]) -> None:
    headers = exchange_with(*[("cookie", line) for line in lines]).headers
    assert cookie_values(headers, "s") == values


def test_a_client_that_sends_hundreds_is_looked_at_for_a_few() -> None:
    headers = exchange_with(("cookie", ";".join([f"s={number}" for number in range(500)]))).headers
    assert cookie_values(headers, "s") == [str(number) for number in range(MOST_VALUES)]


@given(st.text(alphabet='s=;" \tx', max_size=30))
def test_anything_is_a_cookie_field(line: str) -> None:
    cookie_values(exchange_with(("cookie", line)).headers, "s")


def test_attributes() -> None:
    assert set_cookie("s", "v", "/a", False, 0) == "s=v; Path=/a; HttpOnly; SameSite=Strict"
    assert set_cookie("s", "v", "/", True, 60) == "s=v; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60"


@pytest.mark.parametrize(
    ("path", "chosen"),
    [("/shop/cart/1", "/shop/cart"), ("/shop/cart", "/shop/cart"), ("/shop/carts", "/shop"), ("/shopping", "/"), ("/", "/")],
)
def test_the_path_is_that_of_the_match(path: str, chosen: str) -> None:
    assert cookie_path(("/shop/cart", "/shop"), path) == chosen
