import subprocess
import sys

import pytest

from hauberk_core.route.regular_expression import LONGEST_PATTERN, RegularExpression


def test_the_whole_text_must_match() -> None:
    expression = RegularExpression("/v[0-9]+/.*")
    assert expression.matches("/v12/books")
    assert not expression.matches("/api/v12/books")
    assert not RegularExpression("/books").matches("/books/")
    assert not RegularExpression("a|ab").matches("abc")
    assert RegularExpression("a|ab").matches("ab")


def test_texts_are_octets() -> None:
    assert RegularExpression("caf..").matches("caf\xc3\xa9")
    assert RegularExpression(r"caf\xc3\xa9").matches("caf\xc3\xa9")
    assert RegularExpression("/admin/.*").matches("/admin/\xff")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", r"missing \)"),
        ("(?=look)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        ("a{1000}" * 500, "too large"),
        ("a" * (LONGEST_PATTERN + 1), f"longer than {LONGEST_PATTERN}"),
        ("café", "beyond ASCII"),
    ],
)
def test_what_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RegularExpression(pattern)


_NO_EXPRESSION = """
import sys
from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Match, PathMatch, Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster
from hauberk_core.route.decide import decide
from hauberk_core.route.table import compile_table

def serve(kind, value):
    match = Match(path=PathMatch(kind=kind, value=value), headers=(ValueMatch(name="x", kind="prefix", value="1", invert=True),))
    route = Route(name="r", matches=(match,), backends=(WeightedCluster(cluster="c"),))
    table = compile_table(RouteTable(virtual_hosts=(VirtualHost(name="v", hosts=("*",), routes=(route,)),)))
    assert decide(Request("GET", "h", "/a", "", 11, Headers()), table, 0.5).cluster == "c"

serve("prefix", "/a")
assert "re2" not in sys.modules, "imported without an expression"
serve("regex", "/.")
assert "re2" in sys.modules
"""


def test_re2_is_imported_at_the_first_expression() -> None:
    finished = subprocess.run([sys.executable, "-c", _NO_EXPRESSION], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
