import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.translate.hostnames import HostNames, covers, intersect, most_specific


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


HOSTS = st.lists(st.sampled_from(("*", "a", "*.a", "b.a", "*.b.a", "c.b.a", "xb.a", "*.c.b.a", "b", "a.b", "*.b")), max_size=4)


@given(HOSTS, HOSTS)
def test_names_meet_others_that_one_of_them_covers_or_is_covered_by(ours: list[str], theirs: list[str]) -> None:
    names = HostNames()
    names.add(ours)
    pairs = [(one, other) for one in ours for other in theirs]
    either_way = [*pairs, *[(other, one) for one, other in pairs]]
    assert names.meet(theirs) == any(pattern == "*" or covers(pattern, host) for pattern, host in either_way)
