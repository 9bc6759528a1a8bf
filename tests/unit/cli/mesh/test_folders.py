import stat
from pathlib import Path

from hauberk_cli.mesh.folders import private_folder, proxy_folder


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert _mode(private_folder(tmp_path / "state")) == 0o700


def test_one_that_is_there_is_closed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    private_folder(tmp_path / "state")
    assert _mode(tmp_path / "state") == 0o700


def test_each_proxy_has_its_own(tmp_path: Path) -> None:
    folder = proxy_folder(tmp_path, "sidecar", "default", "reviews-v2")
    assert folder == tmp_path / ".hauberk" / "proxies" / "sidecar.default.reviews-v2"
    assert folder != proxy_folder(tmp_path, "gateway", "default", "reviews-v2")
    assert folder == proxy_folder(tmp_path, "sidecar", "default", "reviews-v2")
    while folder != tmp_path:
        assert _mode(folder) == 0o700, folder
        folder = folder.parent
