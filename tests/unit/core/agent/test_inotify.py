import os
import select
import sys
from pathlib import Path

import pytest

from hauberk_core.agent.inotify import CREATE, DELETE, IGNORED, MODIFY, Event, Inotify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has inotify")


def test_a_fresh_queue_is_empty_and_does_not_wait() -> None:
    assert Inotify().read() == []


def test_entries_of_a_folder_are_told_by_name(tmp_path: Path) -> None:
    queue = Inotify()
    watch = queue.add(str(tmp_path), CREATE | DELETE)
    (tmp_path / "größe").touch()
    (tmp_path / "größe").unlink()
    assert queue.read() == [Event(watch, CREATE, "größe"), Event(watch, DELETE, "größe")]


def test_a_name_that_is_no_utf_8_survives(tmp_path: Path) -> None:
    queue = Inotify()
    queue.add(str(tmp_path), CREATE)
    name = os.fsdecode(b"\xff.json")
    (tmp_path / name).touch()
    assert [event.name for event in queue.read()] == [name]


def test_the_descriptor_is_readable_when_something_was_notified(tmp_path: Path) -> None:
    queue = Inotify()
    queue.add(str(tmp_path), CREATE)
    assert not select.select([queue], [], [], 0)[0]
    (tmp_path / "new").touch()
    assert select.select([queue], [], [], 10)[0] == [queue]


def test_the_same_thing_has_the_same_watch(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    queue = Inotify()
    assert queue.add(str(tmp_path / "file"), MODIFY) == queue.add(str(tmp_path / "link"), MODIFY)


def test_what_is_removed_is_told_of_no_more(tmp_path: Path) -> None:
    queue = Inotify()
    watch = queue.add(str(tmp_path), CREATE)
    queue.remove(watch)
    queue.remove(watch)
    (tmp_path / "new").touch()
    assert queue.read() == [Event(watch, IGNORED, "")]


def test_what_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Inotify().add(str(tmp_path / "missing"), CREATE)


def test_more_than_one_read_takes_is_left_for_the_next(tmp_path: Path) -> None:
    queue = Inotify()
    queue.add(str(tmp_path), CREATE)
    names = [f"{number:0200}" for number in range(200)]
    for name in names:
        (tmp_path / name).touch()
    got: list[str] = []
    while events := queue.read():
        got += [event.name for event in events]
    assert got == names


def test_closing_gives_the_descriptor_back_once() -> None:
    queue = Inotify()
    descriptor = queue.fileno()
    queue.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    queue.close()
    assert queue.fileno() == -1
