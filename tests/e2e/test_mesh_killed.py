"""`hauberk up` and `hauberk run` are killed outright: what they started ends by itself."""

import signal
import tempfile
from pathlib import Path

import pytest
from bookshop_mesh import gateway, service
from laptop_mesh import children, command_line, everybody, is_running, running_mesh, send, wait_until

pytestmark = pytest.mark.e2e


def test_nothing_of_a_killed_mesh_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where the sockets are over which proxies say that they are ready; their paths may not be long.
    with tempfile.TemporaryDirectory(prefix="hk-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        mesh_folder = tmp_path / "mesh"
        mesh_folder.mkdir()
        (mesh_folder / "all.yaml").write_text(f"{gateway()}---\n{service('reviews')}")
        with running_mesh(mesh_folder) as mesh:
            with mesh.workload("reviews") as run:
                wait_until(lambda: mesh.current_proxies() == 2, "both proxies")
                parts = [process for process in everybody() if _is_part(process, mesh_folder)]
                # Control, and of each proxy the agent and a worker.
                assert len(parts) >= 3
                # The program is its user's, and is not hauberk's to end once nobody is there who started it.
                programs = [child for child in children(run.pid) if "hauberk_bookshop" in command_line(child)]
                for killed in (run, mesh.up):
                    killed.send_signal(signal.SIGKILL)
                    killed.wait(60)
                for program in programs:
                    send(program, signal.SIGTERM)
            wait_until(lambda: not any(is_running(part) for part in parts), "the end of what they started")
            assert "whoever started control has gone" in mesh.control_log()
            assert "whoever started this proxy has gone" in mesh.proxy("gateway", "bookshop").log()
        with running_mesh(mesh_folder) as again:
            wait_until(lambda: again.current_proxies() == 1, "the gateway once more")
            assert len(list(Path(folder).glob("hauberk-notify-*"))) == 1
        assert list(Path(folder).glob("hauberk-notify-*")) == []


def _is_part(process: int, folder: Path) -> bool:
    line = command_line(process)
    return str(folder) in line and any(part in line for part in ("hauberk_cli control", "hauberk_gateway", "hauberk_sidecar"))
