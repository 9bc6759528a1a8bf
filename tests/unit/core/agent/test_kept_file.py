"""Files that are whole and of a known form, or not used."""

import stat
from pathlib import Path
from typing import Final

import pytest

from hauberk_core.agent.kept_file import KeptFileError, read_kept, seal, write_kept

FIRST: Final = b"hauberk test 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kept"


def test_what_was_written_is_read(file: Path) -> None:
    assert read_kept(file, FIRST, 1000) is None
    write_kept(file, FIRST, b"content")
    assert read_kept(file, FIRST, 1000) == b"content"
    assert file.read_bytes() == seal(FIRST, b"content")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_other_octets_are_used(file: Path) -> None:
    write_kept(file, FIRST, b"content")
    whole = file.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        for octets in (bytes(changed), whole[:position]):
            file.write_bytes(octets)
            with pytest.raises(KeptFileError):
                read_kept(file, FIRST, 1000)


@pytest.mark.parametrize(
    ("first", "largest", "words"), [(b"hauberk test 2\n", 1000, "this version of hauberk"), (FIRST, 10, "octets")]
)
def test_what_is_of_another_form_or_too_large_is_told(file: Path, first: bytes, largest: int, words: str) -> None:
    write_kept(file, FIRST, b"content")
    with pytest.raises(KeptFileError, match=words):
        read_kept(file, first, largest)
