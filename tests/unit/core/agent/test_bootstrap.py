"""The bootstrap document: only its owner reads it, and mistakes in it are told."""

from pathlib import Path

import msgspec
import pytest

from hauberk_core.agent.bootstrap import LARGEST_BOOTSTRAP, Bootstrap, BootstrapError, read_bootstrap, write_bootstrap

DOCUMENT = Bootstrap(
    control="127.0.0.1:15012",
    join="127.0.0.1:15011",
    root="PEM",
    identity="spiffe://cluster.local/ns/default/sa/reviews",
    role="sidecar",
    name="reviews-v2",
    node=msgspec.Raw(b'{"name":"reviews-v2"}'),
    state="/somewhere",
    join_token="secret",
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    write_bootstrap(path, DOCUMENT)
    assert path.stat().st_mode & 0o777 == 0o600
    read = read_bootstrap(path)
    assert msgspec.json.decode(read.node) == {"name": "reviews-v2"}
    assert msgspec.structs.replace(read, node=DOCUMENT.node) == DOCUMENT
    assert read.spiffe_id().service_account == "reviews"


def test_a_document_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    write_bootstrap(path, DOCUMENT)
    path.chmod(0o640)
    with pytest.raises(BootstrapError, match="chmod 600"):
        read_bootstrap(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "is no bootstrap document"),
        (b'{"control":"127.0.0.1:1"}', "missing required field"),
        (b" " * (LARGEST_BOOTSTRAP + 1), "is longer than"),
    ],
)
def test_a_malformed_document_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "bootstrap.json"
    path.touch(mode=0o600)
    path.write_bytes(text)
    with pytest.raises(BootstrapError, match=message):
        read_bootstrap(path)


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"nowhere\.json cannot be read"):
        read_bootstrap(tmp_path / "nowhere.json")


def test_an_identity_that_is_none_is_refused() -> None:
    with pytest.raises(BootstrapError, match="identity"):
        msgspec.structs.replace(DOCUMENT, identity="reviews").spiffe_id()
