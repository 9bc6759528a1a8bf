"""The Dockerfiles: what goes into each image, and whose it runs as."""

import re
from pathlib import Path

import pytest

from hauberk_core.pod import PROXY_UID

IMAGES = {"proxy": {"runtime", "mesh"}, "control": {"runtime", "control", "kubernetes"}, "bookshop": {"runtime"}}
"""By image: the requirements that it has, and no others."""


@pytest.fixture(params=sorted(IMAGES))
def image(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dockerfile(repository: Path, image: str) -> str:
    return (repository / "deploy" / "images" / image / "Dockerfile").read_text()


def test_every_image_is_built_by_make(repository: Path) -> None:
    folders = {path.parent.name for path in (repository / "deploy" / "images").glob("*/Dockerfile")}
    built = re.search(r"^IMAGES := (.+)$", (repository / "Makefile").read_text(), re.MULTILINE)
    assert built is not None
    assert folders == set(built.group(1).split()) == set(IMAGES)


def test_an_image_holds_what_its_process_needs(repository: Path, image: str, dockerfile: str) -> None:
    named = set(re.findall(r"-r /requirements/([a-z]+)\.txt", dockerfile))
    assert named == IMAGES[image]
    assert all((repository / "requirements" / f"{name}.txt").is_file() for name in named)


def test_an_image_runs_as_nobody_special(image: str, dockerfile: str) -> None:
    *_, last = dockerfile.split("\nFROM ")
    # What runs as the proxies' user is not captured.
    user = 1000 if image == "bookshop" else PROXY_UID
    assert f"\nUSER {user}:{user}\n" in last
    assert "PYTHONDONTWRITEBYTECODE=1" in last


def test_an_image_asks_no_package_index(dockerfile: str) -> None:
    assert dockerfile.count("pip --python") == dockerfile.count("--no-index") == 1
    assert dockerfile.count("FROM ${BASE}") == 2
