"""The multimap of fields."""

from hauberk_core.http.headers import Headers


def sample() -> Headers:
    headers = Headers()
    for name, value in (("Host", "a"), ("X-One", "1"), ("x-one", "2"), ("Y", "")):
        headers.add(name, value)
    return headers


def test_reading() -> None:
    headers = sample()
    assert len(headers) == 4
    assert headers.get("x-one") == "1"
    assert headers.get("none") is None
    assert headers.get_all("x-one") == ["1", "2"]
    assert headers.items() == [("Host", "a"), ("X-One", "1"), ("x-one", "2"), ("Y", "")]


def test_setting_replaces_all_in_the_place_of_the_first() -> None:
    headers = sample()
    headers.set("X-ONE", "3")
    headers.set("Z", "4")
    assert headers.lines == ["Host: a", "X-ONE: 3", "Y: ", "Z: 4"]
    assert headers.names == ["host", "x-one", "y", "z"]


def test_removing() -> None:
    headers = sample()
    headers.remove("x-one")
    headers.remove("none")
    assert headers.lines == ["Host: a", "Y: "]


def test_a_copy_is_independent() -> None:
    headers = sample()
    copy = headers.copy()
    copy.remove("host")
    assert headers.get("host") == "a"
