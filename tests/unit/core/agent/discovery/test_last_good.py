"""The configuration kept on disk: what is whole and one's own is used, and nothing else."""

import stat
from pathlib import Path

import pytest

from hauberk_core.agent.discovery.last_good import LastGood, LastGoodError, LastGoodFile
from hauberk_core.wire_proto.configuration import versioned

RESOURCES = {"cluster/books": versioned(b"\x80"), "certificate/shop": versioned(b"a secret key")}
REVIEWS = "spiffe://mesh.test/ns/default/sa/reviews"


@pytest.fixture
def file(tmp_path: Path) -> LastGoodFile:
    """A file in a folder that does not exist yet."""
    return LastGoodFile(tmp_path / "state", REVIEWS, b'{"name": "reviews-v1"}')


def _refusal(file: LastGoodFile) -> str:
    with pytest.raises(LastGoodError) as caught:
        file.load()
    return str(caught.value)


def test_what_was_saved_is_loaded(file: LastGoodFile) -> None:
    assert file.load() is None
    file.save("v1", RESOURCES, 17.0)
    assert file.load() == LastGood("v1", RESOURCES, 17.0)
    file.save("v2", {}, 18.0)
    assert file.load() == LastGood("v2", {}, 18.0)


def test_nobody_else_can_read_it(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_one_that_others_may_read_is_not_used(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)
    file.path.chmod(0o640)

    assert "chmod 600" in _refusal(file)
    file.save("v1", RESOURCES, 17.0)
    assert file.load() == LastGood("v1", RESOURCES, 17.0)


def test_no_torn_file_is_used(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)
    whole = file.path.read_bytes()
    for length in range(len(whole)):
        file.path.write_bytes(whole[:length])
        assert "is not used" in _refusal(file)


def test_no_changed_file_is_used(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)
    whole = file.path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        file.path.write_bytes(changed)
        assert "is not used" in _refusal(file)
    file.path.write_bytes(whole + b"x")
    assert "damaged" in _refusal(file)


def test_one_of_another_version_is_not_used(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)
    first, _, rest = file.path.read_bytes().partition(b"\n")
    file.path.write_bytes(first.replace(b"1", b"0") + b"\n" + rest)

    assert "this version of hauberk" in _refusal(file)


@pytest.mark.parametrize(
    ("identity", "node"),
    [("spiffe://mesh.test/ns/default/sa/payments", b'{"name": "reviews-v1"}'), (REVIEWS, b'{"name": "reviews-v2"}')],
)
def test_one_of_another_proxy_is_not_used(file: LastGoodFile, identity: str, node: bytes) -> None:
    file.save("v1", RESOURCES, 17.0)

    assert "is not used" in _refusal(LastGoodFile(file.path.parent, identity, node))


def test_whatever_stands_in_its_place_is_told(file: LastGoodFile) -> None:
    file.path.mkdir(parents=True)

    assert "is not used" in _refusal(file)
    with pytest.raises(LastGoodError, match="not kept for a restart"):
        file.save("v1", RESOURCES, 17.0)


def test_a_failed_save_leaves_what_was_there(file: LastGoodFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.save("v1", RESOURCES, 17.0)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(LastGoodError, match="No space left"):
            file.save("v2", {}, 18.0)
    assert file.load() == LastGood("v1", RESOURCES, 17.0)
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_keys_are_not_shown(file: LastGoodFile) -> None:
    file.save("v1", RESOURCES, 17.0)

    assert "secret" not in repr(file.load())
