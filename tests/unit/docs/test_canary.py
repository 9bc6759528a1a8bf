"""The reference of canary has the members, the fields and the counters that there are."""

import re
from pathlib import Path

import msgspec
import pytest

from hauberk_canary.config import CanaryConfig, Session, Source, Sticky
from hauberk_core.resources.gateway_api.session_persistence import CookieConfig, SessionPersistence


@pytest.fixture(scope="module")
def sections(repository: Path) -> dict[str, str]:
    """The page's sections."""
    parts = re.split(r"^## (.+)\n", (repository / "docs/reference/canary.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_cells(section: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))


def written(struct: type[msgspec.Struct], prefix: str = "") -> set[str]:
    return {prefix + name for name in struct.__struct_encode_fields__}


def test_members_of_a_policy(sections: dict[str, str]) -> None:
    members = written(CanaryConfig) | written(Sticky, "sticky.") | written(Source, "sticky.source.")
    assert first_cells(sections["PluginPolicy"]) == members - {"session"}
    for choice in ("stable", "any", "none"):
        assert msgspec.convert({"fallback": choice}, CanaryConfig)
        assert f"`{choice}`" in sections["PluginPolicy"]


def test_fields_of_a_session(sections: dict[str, str]) -> None:
    fields = written(SessionPersistence) - {"cookieConfig"} | written(CookieConfig, "cookieConfig.")
    assert first_cells(sections["sessionPersistence"]) == fields
    for member in Session.__struct_encode_fields__:
        assert f"`{member}`" in sections["sessionPersistence"]


def test_counters(sections: dict[str, str], repository: Path) -> None:
    counted: set[str] = set()
    for source in (repository / "plugins/canary/hauberk_canary").glob("*.py"):
        counted |= set(re.findall(r'\.counter\("(\w+)"\)', source.read_text()))
    assert first_cells(sections["Metrics and log"]) == counted
