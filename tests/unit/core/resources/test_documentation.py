"""The page about resources says what the code does."""

import re
from pathlib import Path

import pytest

from hauberk_core.resources.read import read_file
from hauberk_core.resources.registry import RESOURCES
from hauberk_core.resources.yaml import LARGEST_FILE


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "resources.md").read_text()


def test_the_page_lists_every_kind_with_its_versions(page: str) -> None:
    section = page.split("## Kinds")[1].split("\n## ", maxsplit=1)[0]
    rows = re.findall(r"^\| (\S+) \| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    listed = [
        ("" if group == "core" else group.strip("`"), kind, tuple(re.findall(r"`(\w+)`", told))) for group, kind, told in rows
    ]
    assert listed == sorted([(kind.GROUP, kind.KIND, kind.VERSIONS) for kind in RESOURCES])


def test_the_mistake_that_the_page_shows_is_told_like_that(page: str) -> None:
    text = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: books}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: reviews\nspec:\n"
        "  parentRefs:\n  - name: front\n  rules:\n  - matches: []\n    backendRef: []\n"
    )
    (error,) = read_file(text.encode(), "mesh/reviews.yaml").errors
    assert "".join([f"    {line}\n" for line in str(error).splitlines()]) in page


def test_the_bound_that_the_page_names(page: str) -> None:
    assert f"up to {LARGEST_FILE >> 20} MiB" in page
