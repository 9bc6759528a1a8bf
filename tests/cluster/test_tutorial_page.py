"""The tutorial for a cluster, typed by somebody in one terminal, in a copy of the samples with the tested image in them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kubectl
import pytest
from cluster_shop import image
from page_reader import Reader, Terminal, commands_of

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

PAGE: Final = "docs/tutorial/bookshop-on-kubernetes.md"
IMAGE: Final = "localhost/hauberk-bookshop:dev"
NAMESPACES: Final = ("shop", "outside")


@pytest.fixture
def terminal(installed: str, repository: Path, tmp_path: Path) -> Iterator[Terminal]:
    samples = tmp_path / "deploy" / "samples"
    shutil.copytree(repository / "deploy" / "samples", samples)
    for file in samples.iterdir():
        file.write_text(file.read_text().replace(IMAGE, image("hauberk-bookshop")))
    reader = Reader(tmp_path)
    try:
        yield reader.opens_terminal()
    finally:
        reader.leaves()
        kubectl.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait=false")


def test_the_page_is_true(terminal: Terminal) -> None:
    """Each block of commands is typed after the one before it; what the page promises of it is held to what is seen."""
    blocks = [block.replace(IMAGE, image("hauberk-bookshop")) for block in commands_of(PAGE)]
    pods, door, tenth, all_of_it, stranger, strict, page, inside, callers, away = blocks
    assert len(re.findall(r"^\S+-v\d-\S+ +2/2 +Running", terminal.types(pods), re.MULTILINE)) == 6
    assert "<h1>Thirty Thousand Rings</h1>" in terminal.types(door)
    shares = _shares(terminal.types(tenth))
    assert set(shares) <= {"v1", "v3"}
    # Fewer than 30 of 50 at 90 % come once in ten thousand millions.
    assert shares["v1"] >= 30
    assert _shares(terminal.types(all_of_it)) == {"v3": 20}
    assert terminal.types(stranger).endswith("200\n")
    assert "ConnectionResetError" in terminal.types(strict)
    assert terminal.types(page) == "200\n"
    seen = terminal.types(inside)
    assert "HTTPRoute shop/reviews" in seen
    assert re.search(r"^shop/bookshop +gateway .* yes ", seen, re.MULTILINE)
    assert "spiffe://cluster.local/ns/shop/sa/productpage" in terminal.types(callers)
    assert "deleted" in terminal.types(away)


def _shares(shown: str) -> dict[str, int]:
    """How often each version answered."""
    return {version: int(times) for times, version in re.findall(r"^ *(\d+) \"version\":\"(v\d)\"", shown, re.MULTILINE)}
