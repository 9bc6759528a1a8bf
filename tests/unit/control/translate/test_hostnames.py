import pytest

from hauberk_control.translate.hostnames import covers, intersect, most_specific


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        (None, "a.test", True),
        ("a.test", "a.test", True),
        ("*.test", "a.test", True),
        ("*.test", "a.b.test", True),
        ("*.test", "*.b.test", True),
        ("*.test", "test", False),
        ("*.b.test", "*.test", False),
        ("a.test", "*.test", False),
        ("*.test", "atest", False),
    ],
)
def test_covers(pattern: str | None, host: str, expected: bool) -> None:
    assert covers(pattern, host) is expected


@pytest.mark.parametrize(
    ("listener", "routes", "common"),
    [
        (None, (), ("*",)),
        ("a.test", (), ("a.test",)),
        (None, ("a.test", "*.b.test"), ("a.test", "*.b.test")),
        ("*.test", ("a.test", "other"), ("a.test",)),
        ("a.test", ("*.test", "a.test"), ("a.test",)),
        ("*.a.test", ("*.test",), ("*.a.test",)),
        ("a.test", ("b.test",), ()),
    ],
)
def test_intersect(listener: str | None, routes: tuple[str, ...], common: tuple[str, ...]) -> None:
    assert intersect(listener, routes) == common


def test_most_specific() -> None:
    patterns = (None, "*.test", "*.a.test", "x.a.test")
    assert most_specific("x.a.test", patterns) == "x.a.test"
    assert most_specific("y.a.test", patterns) == "*.a.test"
    assert most_specific("*.a.test", patterns) == "*.a.test"
    assert most_specific("b.test", patterns) == "*.test"
    assert most_specific("b.example", patterns) is None
    assert most_specific("*", patterns) is None
