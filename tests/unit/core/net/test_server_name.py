"""One rule chooses the certificate and the routes of a server name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.net.server_name import ServerNames

CHAINS = [("*.a.test",), ("shop.a.test", "B.test"), (), ("*.deep.a.test",), ()]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("shop.a.test", 1),
        ("SHOP.A.TEST", 1),
        ("b.test", 1),
        ("other.a.test", 0),
        ("x.deep.a.test", 3),
        ("deep.a.test", 0),
        ("a.test", 2),
        ("unknown.test", 2),
        ("", 2),
    ],
)
def test_exact_names_go_before_the_longest_wildcard_and_both_before_the_first_chain_without_names(asked: str, index: int) -> None:
    assert ServerNames(CHAINS).choose(asked) == index


def test_where_every_chain_has_names_the_first_serves_strangers() -> None:
    assert ServerNames([("a.test",), ("b.test",)]).choose("c.test") == 0
    assert ServerNames([]).choose("c.test") == 0


def test_where_strangers_are_not_served_they_are_told_apart() -> None:
    names = ServerNames([("a.test",), ("*.b.test",)])
    assert [names.find(asked) for asked in ("A.test", "x.y.b.test", "b.test", ".b.test", "c.test", "")] == [0, 1, -1, -1, -1, -1]
    assert ServerNames([("a.test",), ()]).find("") == 1
    assert ServerNames([]).find("a.test") == -1


LABELS = st.sampled_from(["a", "b", "example", "test"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.builds(lambda wild, name: f"*.{name}" if wild else name, st.booleans(), NAMES)


@given(patterns=st.lists(st.lists(PATTERNS, max_size=3), max_size=3), asked=NAMES)
def test_the_choice_agrees_with_the_rule_said_plainly(patterns: list[list[str]], asked: str) -> None:
    """Exact first, then the longest wildcard, the earliest of equals, else the first chain without names."""
    candidates: list[tuple[int, int, int]] = []
    for index, names in enumerate(patterns):
        for pattern in names:
            if pattern == asked:
                candidates.append((-1000, index, index))
            elif pattern.startswith("*.") and asked.endswith("." + pattern[2:]):
                candidates.append((-len(pattern), index, index))
        if not names:
            candidates.append((0, index, index))
    expected = min(candidates)[2] if candidates else 0
    chosen = ServerNames(patterns)
    assert chosen.choose(asked) == expected
    assert chosen.find(asked) == (expected if candidates else -1)
