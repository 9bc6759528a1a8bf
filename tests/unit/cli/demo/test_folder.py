import stat
from pathlib import Path

import pytest

from hauberk_cli.demo.folder import CERTIFICATE_FILE, CERTIFICATE_NAME, FolderError, demo_folder, new_folder, write_files
from hauberk_control.sources.folder import load_folder
from hauberk_core.resources import Gateway, Secret


def test_a_temporary_folder_goes_with_everything_in_it() -> None:
    with demo_folder(None, keep=False) as folder:
        write_files(folder)
        folder.log("details").write_text("a line")
        assert folder.root.stat().st_mode & 0o077 == 0
    assert not folder.root.exists()


def test_it_goes_when_the_demo_fails_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), demo_folder(tmp_path / "new", keep=False) as folder:
        raise RuntimeError
    assert not folder.root.exists()


def test_it_stays_if_asked(tmp_path: Path) -> None:
    with demo_folder(tmp_path / "deep" / "new", keep=True) as folder:
        folder.authority.write_text("kept")
    assert folder.authority.read_text() == "kept"


def test_a_folder_with_something_in_it_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FolderError, match="not empty"), demo_folder(tmp_path, keep=False):
        pass
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be the demo's folder"), demo_folder(tmp_path / "file", keep=False):
        pass


def test_its_files_are_a_mesh_without_a_mistake(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "shop")
    write_files(folder, with_logs=False)
    loaded = load_folder(folder.root)
    assert loaded.errors == ()
    gateway = loaded.store.get(Gateway, "default", "bookshop")
    assert gateway is not None
    assert [listener.protocol for listener in gateway.spec.listeners] == ["HTTP", "HTTPS"]
    secret = loaded.store.get(Secret, "default", CERTIFICATE_NAME)
    assert secret is not None
    assert secret.entries() == ("tls.crt", "tls.key")
    assert folder.reviews_route.exists()
    assert not (folder.root / "logs").exists()


def test_the_gateways_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "shop")
    write_files(folder)
    assert stat.S_IMODE((folder.root / CERTIFICATE_FILE).stat().st_mode) == 0o600
