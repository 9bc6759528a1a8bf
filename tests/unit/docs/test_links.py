"""Every page can be reached, and every link, path and test that a page names exists."""

import re
from pathlib import Path

import pytest

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def pages(repository: Path) -> list[Path]:
    """The Markdown that people read."""
    kept = [*(repository / "docs").rglob("*.md"), *repository.glob("*.md"), *(repository / "examples").rglob("*.md")]
    return sorted(page for page in kept if ".venv" not in page.parts)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(repository: Path) -> None:
    broken: list[str] = []
    for page in pages(repository):
        for link in _LINK.findall(page.read_text()):
            target, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            found = (page.parent / target).resolve() if target else page
            if not found.exists() or (anchor and anchor not in anchors(found)):
                broken.append(f"{page.relative_to(repository)}: {link}")
    assert not broken


def test_every_page_is_in_the_index(repository: Path) -> None:
    docs = repository / "docs"
    linked = {(docs / link.partition("#")[0]).resolve() for link in _LINK.findall((docs / "README.md").read_text())}
    missing = [page for page in docs.rglob("*.md") if page.resolve() not in linked and page != docs / "README.md"]
    assert not missing


@pytest.mark.parametrize("page", ["docs/explanation/threats.md", "docs/reference/hooks.md"])
def test_tests_that_are_named_exist(page: str, repository: Path) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (repository / page).read_text()))
    assert named
    assert not [name for name in named if not (repository / name).exists()]
