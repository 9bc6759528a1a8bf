"""Commands that a page shows are typed by a test."""

from pathlib import Path

import pytest


def pages_with_commands(repository: Path) -> list[str]:
    pages = [repository / "README.md", *(repository / "docs").rglob("*.md"), *(repository / "examples").rglob("*.md")]
    return [str(page.relative_to(repository)) for page in pages if "\n```sh\n" in page.read_text()]


@pytest.fixture(scope="module")
def tests(repository: Path) -> str:
    """The text of the tests that type what pages say."""
    folders = [repository / "tests" / folder for folder in ("e2e", "cluster", "unit/docs")]
    return "".join([test.read_text() for folder in folders for test in folder.glob("test_*.py") if test != Path(__file__)])


def test_every_page_has_its_test(repository: Path, tests: str) -> None:
    assert [page for page in pages_with_commands(repository) if f'{page}"' not in tests] == []


def test_there_are_such_pages(repository: Path) -> None:
    assert {"README.md", "docs/tutorial/mesh-on-a-laptop.md", "docs/how-to/canary.md"} <= set(pages_with_commands(repository))
