"""Resources that pages show are ones that control takes."""

import re
from pathlib import Path

import pytest

from hauberk_core.resources.read import read_file

BLOCK = re.compile(r"^```yaml\n(.*?)^```$|^cat >+ \S+\.yaml <<'END'\n(.*?)^END$", re.MULTILINE | re.DOTALL)
# What runs the workloads is Kubernetes' own.
FOR_KUBERNETES = "because a mesh does not read them: Deployment"
# Of a plugin that the page itself makes.
FOREIGN = "apiVersion: doorman.example.com/"


def pages(repository: Path) -> list[Path]:
    return [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]


def resources(page: Path) -> list[str]:
    found = [shown or typed for shown, typed in BLOCK.findall(page.read_text())]
    return [text for text in found if "apiVersion:" in text and FOREIGN not in text]


def test_resources_are_read_without_a_mistake(repository: Path) -> None:
    mistakes = {
        str(page.relative_to(repository)): errors
        for page in pages(repository)
        for text in resources(page)
        if (errors := [str(error) for error in read_file(text.encode(), page.name).errors if FOR_KUBERNETES not in error.message])
    }
    assert mistakes == {}


def test_there_are_some(repository: Path) -> None:
    assert sum(len(resources(page)) for page in pages(repository)) > 8


@pytest.mark.parametrize("kind", ["PeerAuthentication", "HTTPRoute", "DestinationRule", "PluginPolicy", "VirtualService"])
def test_of_each_feature(repository: Path, kind: str) -> None:
    assert any(f"kind: {kind}\n" in text for page in pages(repository) for text in resources(page))
