"""The reference says what the code does: pages written from the code are as they would be written now."""

import re
from pathlib import Path

import pytest

from hauberk_core.model.schema import snapshot_schema
from hauberk_docs.output import shapes
from hauberk_docs.pages import pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_is_as_the_code_has_it(name: str, repository: Path) -> None:
    assert (repository / "docs/reference" / name).read_text() == pages()[name], "write it anew: make docs"


def test_every_member_of_the_configuration_is_explained() -> None:
    bare = [
        f"{struct}.{member}"
        for struct, definition in snapshot_schema()["$defs"].items()
        for member, schema in definition["properties"].items()
        if not schema.get("description")
    ]
    assert not bare, "write a docstring below the member"


def test_every_member_of_an_answer_is_explained() -> None:
    bare = [
        f"{struct}.{member}"
        for struct, definition in shapes().items()
        for member, schema in definition["properties"].items()
        if not schema.get("description")
    ]
    assert not bare, "write a docstring below the member"


def test_environment_variables_are_those_that_are_read(repository: Path) -> None:
    read: set[str] = set()
    for folder in ("core", "cli", "control", "gateway", "sidecar", "plugins", "bookshop"):
        for source in (repository / folder).rglob("*.py"):
            read |= set(re.findall(r'"((?:HAUBERK_[A-Z_]+|NO_COLOR|NOTIFY_SOCKET|LISTEN_[A-Z]+))"', source.read_text()))
    # What a plugin's module says of itself.
    read -= {"HAUBERK_API"}
    text, _, _ = (repository / "docs/reference/environment.md").read_text().partition("## What `hauberk run` sets")
    assert set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)) == read
