"""The page of conditions has the reasons that control gives, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# Which argument of these is a reason.
_REASONS = {"holds": 1, "fails": 1, "Trouble": 1, "Unresolved": 0, "Refusal": 0, "Attachment": 1, "refused_set": 1, "Overlap": 0}


def given(code: Path) -> Iterator[str]:
    """Every reason in control's code, wherever it is written out."""
    for file in code.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if len(args) > _REASONS.get(name, len(args)):
                    yield from _texts(args[_REASONS[name]])
                case ast.Assign(targets=[ast.Name(id="reason")], value=value):
                    yield from _texts(value)
                case ast.AnnAssign(target=ast.Name(id="_REASONS"), value=ast.expr() as value):
                    yield from _texts(value)
                case ast.FunctionDef(name="_reason"):
                    yield from _texts(node)


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and re.fullmatch(r"[A-Z][A-Za-z]+", inner.value):
            yield inner.value


def test_every_reason_is_on_the_page_and_given(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "conditions.md").read_text()
    rows = re.findall(r"^\| `[\w./]+` \| (.*) \|$", page, re.MULTILINE)
    told = {word for row in rows for word in re.findall(r"`([A-Z][A-Za-z]+)`", row)}
    control = repository / "control" / "hauberk_control"
    reasons = set(given(control / "status")) | set(given(control / "translate"))
    # Types of conditions that the page names in passing.
    assert told - reasons - {"Accepted"} == set()
    assert reasons - told == set()
