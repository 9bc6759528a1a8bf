import stat
from pathlib import Path

import pytest

from hauberk_core.agent.identity.private_file import PrivateFileError
from hauberk_core.agent.identity.state import FILE_NAME, load_identity, save_identity
from hauberk_core.agent.identity.workload import IdentityRefused, WorkloadIdentity

IDENTITY = WorkloadIdentity(
    certificate_pem=b"certificate", key_pem=b"key", trust_pem=b"trust", spiffe_id="spiffe://a/b", obtained=1.5, not_after=2.5
)


def test_it_is_kept_private_and_found_again(tmp_path: Path) -> None:
    save_identity(tmp_path / "state", IDENTITY)

    assert load_identity(tmp_path / "state") == IDENTITY
    assert stat.S_IMODE((tmp_path / "state" / FILE_NAME).stat().st_mode) == 0o600


def test_nothing_is_there_at_first(tmp_path: Path) -> None:
    assert load_identity(tmp_path / "state") is None


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"certificate_pem": 5}', b"\xff"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    save_identity(tmp_path, IDENTITY)
    (tmp_path / FILE_NAME).write_bytes(content)

    with pytest.raises(IdentityRefused, match="is damaged"):
        load_identity(tmp_path)


def test_one_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    save_identity(tmp_path, IDENTITY)
    (tmp_path / FILE_NAME).chmod(0o644)

    with pytest.raises(PrivateFileError):
        load_identity(tmp_path)
