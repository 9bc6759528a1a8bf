"""Control's ports stay the same over its restarts."""

import json
import socket
import stat
from pathlib import Path

import pytest

from hauberk_control.ports import PORTS_FILE, ControlPorts, keep_ports


def test_two_different_free_ports_are_chosen(tmp_path: Path) -> None:
    ports = keep_ports(tmp_path, "127.0.0.1")
    assert ports.mesh != ports.join
    for port in ports:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))


def test_they_are_kept(tmp_path: Path) -> None:
    first = keep_ports(tmp_path, "127.0.0.1")
    assert keep_ports(tmp_path, "127.0.0.1") == first
    assert sorted(path.name for path in tmp_path.iterdir()) == [PORTS_FILE]


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    (tmp_path / PORTS_FILE).write_text('{"mesh": 15010, "join": 15012}')
    assert keep_ports(tmp_path, "127.0.0.1") == ControlPorts(mesh=15010, join=15012)


@pytest.mark.parametrize("kept", ["", "not json", "[]", '{"mesh": 1}', '{"mesh": "x", "join": 2}', '{"mesh": null, "join": 2}'])
def test_a_file_that_makes_no_sense_is_replaced(tmp_path: Path, kept: str) -> None:
    (tmp_path / PORTS_FILE).write_text(kept)
    ports = keep_ports(tmp_path, "127.0.0.1")
    assert json.loads((tmp_path / PORTS_FILE).read_text()) == {"mesh": ports.mesh, "join": ports.join}


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    keep_ports(tmp_path, "127.0.0.1")
    assert stat.S_IMODE((tmp_path / PORTS_FILE).stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep_ports(tmp_path / "nowhere", "127.0.0.1")
