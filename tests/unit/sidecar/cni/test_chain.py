"""The link in a node's chain: added once, taken out again, and nothing else changed."""

import json
from pathlib import Path

import pytest

from hauberk_sidecar.cni.chain import PLUGIN, ChainError, add_link, find_chain, remove_link

NETWORK = {
    "cniVersion": "0.4.0",
    "name": "net",
    "plugins": [{"type": "ptp", "ipam": {"type": "x"}}, {"type": "portmap"}],
}


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    path = tmp_path / "10-net.conflist"
    path.write_text(json.dumps(NETWORK))
    path.chmod(0o640)
    return path


def test_a_link_comes_last_and_goes_without_a_trace(chain: Path) -> None:
    assert add_link(chain)
    with_link = json.loads(chain.read_text())
    assert with_link == NETWORK | {"plugins": [*NETWORK["plugins"], {"type": PLUGIN}]}
    assert not add_link(chain), "once is enough"
    assert chain.stat().st_mode & 0o777 == 0o640
    assert remove_link(chain)
    assert json.loads(chain.read_text()) == NETWORK
    assert not remove_link(chain)
    assert list(chain.parent.iterdir()) == [chain]


def test_the_first_by_name_is_what_the_runtime_works_by(chain: Path) -> None:
    (chain.parent / "20-other.conflist").write_text("{}")
    (chain.parent / "00-notes.txt").write_text("")
    assert find_chain(chain.parent) == chain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON, or not yet"),
        ('{"plugins": [', "is not JSON, or not yet"),
        ("[]", "is no list of plugins"),
        ("{}", "has no plugins"),
        ('{"plugins": []}', "has no plugins"),
        ('{"plugins": ["ptp"]}', "has no plugins"),
        (" " * (1 << 20) + "{}", "is no list of plugins"),
    ],
)
def test_what_is_no_chain_is_left_alone(chain: Path, text: str, said: str) -> None:
    chain.write_text(text)
    with pytest.raises(ChainError, match=said):
        add_link(chain)
    assert chain.read_text() == text


def test_a_single_plugin_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="no configuration yet"):
        find_chain(tmp_path)
    (tmp_path / "10-net.conf").write_text("{}")
    with pytest.raises(ChainError, match=r"rewrite it as a \.conflist"):
        find_chain(tmp_path)
    with pytest.raises(ChainError, match="cannot be read"):
        find_chain(tmp_path / "absent")
